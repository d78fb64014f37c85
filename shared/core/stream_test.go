package core_test

import (
	"errors"
	"hash/fnv"
	"regexp"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", "A", "0", "_", "-", "order", "10248", "a_B-9", strings.Repeat("x", 64)} {
		if err := core.CheckToken("id", good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", " ", "a b", "a.b", "a/b", "*", ">", "ä", "a\n", "a\x00", "%41", strings.Repeat("x", 65)} {
		if err := core.CheckToken("id", bad); !errors.Is(err, core.ErrBadToken) || !strings.Contains(err.Error(), "id") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCommandIDs(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"1", "a.b/c:d", "!~", strings.Repeat("x", 128)} {
		if err := core.CheckCommandID(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", " ", "a b", "a\tb", "a\r\nb", "é", "\x7f", strings.Repeat("x", 129)} {
		if err := core.CheckCommandID(bad); !errors.Is(err, core.ErrBadToken) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestStreamNames(t *testing.T) {
	t.Parallel()
	s := core.Stream{Tenant: "acme", Category: "order", ID: "10248"}
	if s.String() != "order-10248" || s.Path() != "acme/order/10248" {
		t.Errorf("%s is called %s", s.Path(), s)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	for part, bad := range map[string]core.Stream{
		"tenant":   {Tenant: "a.b", Category: "order", ID: "1"},
		"category": {Tenant: "acme", Category: "*", ID: "1"},
		"id":       {Tenant: "acme", Category: "order", ID: ""},
	} {
		if err := bad.Check(); !errors.Is(err, core.ErrBadToken) || !strings.Contains(err.Error(), part) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// A log that exists finds its streams by these numbers: they never change.
func TestPartitionsAreForEver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tenant, id                  string
		ofOne, of4, of8, of64, hash int
	}{
		{"default", "10248", 0, 0, 4, 12, 0xff9eda8c},
		{"default", "10249", 0, 3, 7, 31, 0x009edc1f},
		{"default", "a", 0, 2, 6, 38, 0xca0af726},
		{"acme", "10248", 0, 1, 5, 53, 0xfea99a35},
		{"default", "order_1-x", 0, 0, 0, 8, 0xdb9c7508},
	} {
		for partitions, want := range map[int]int{1: c.ofOne, 4: c.of4, 8: c.of8, 64: c.of64, 1000: c.hash % 1000} {
			if got := core.PartitionOf(c.tenant, c.id, partitions); got != want {
				t.Errorf("%s/%s is in partition %d of %d, not %d", c.tenant, c.id, got, partitions, want)
			}
		}
	}
}

func FuzzPartitionOf(f *testing.F) {
	f.Add("default", "10248", uint16(4))
	f.Fuzz(func(t *testing.T, tenant, id string, more uint16) {
		partitions := int(more) + 1
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(tenant + "/" + id))
		if got, want := core.PartitionOf(tenant, id, partitions), int(hash.Sum32()%uint32(partitions)); got != want {
			t.Errorf("partition is %d, not %d", got, want)
		}
	})
}

func TestPositions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]core.Position{
		"0-0": {}, "3-1042": {Partition: 3, Sequence: 1042}, "65535-18446744073709551615": {Partition: 65535, Sequence: 1<<64 - 1},
	} {
		got, err := core.ParsePosition(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{
		"", "-", "3", "3-", "-3", "3--1", "-3-1", "3-1-1", "+3-1", "3-+1", "3 -1", " 3-1", "3-1 ", "3-0x1", "3-1_0", "a-b", "3–1",
		"65536-1", "3-18446744073709551616", "9999999999999999999999-1", "3-1\n",
	} {
		if got, err := core.ParsePosition(bad); !errors.Is(err, core.ErrBadPosition) || got != (core.Position{}) {
			t.Errorf("%q is %v, %v", bad, got, err)
		}
	}
}

func FuzzParsePosition(f *testing.F) {
	for _, seed := range []string{"3-1042", "0-0", "-", "65535-18446744073709551615", "03-01", "3-1-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := core.ParsePosition(text)
		if err != nil {
			if !errors.Is(err, core.ErrBadPosition) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if again, err := core.ParsePosition(p.String()); err != nil || again != p {
			t.Errorf("%q is %v, and read again %v, %v", text, p, again, err)
		}
	})
}

// CheckToken and TokenPattern are one rule.
func TestTokenPattern(t *testing.T) {
	t.Parallel()
	pattern := regexp.MustCompile(core.TokenPattern)
	for b := range 256 {
		for _, text := range []string{string([]byte{byte(b)}), "a" + string([]byte{byte(b)}), strings.Repeat("a", b)} {
			if got := core.CheckToken("text", text) == nil; got != pattern.MatchString(text) {
				t.Errorf("%q: CheckToken accepts it: %v, TokenPattern matches it: %v", text, got, !got)
			}
		}
	}
}
