package porttest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// KeyValue tests an implementation of [port.KeyValue]. open returns an empty store for one test.
func KeyValue(t *testing.T, open func(t testing.TB) port.KeyValue) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, port.KeyValue){
		"what goes in comes out":           kvRoundTrip,
		"compare and swap":                 kvCompareAndSwap,
		"deletions":                        kvDelete,
		"what is refused":                  kvRefused,
		"many writers lose no update":      kvManyWriters,
		"keys by prefix":                   kvKeys,
		"keys that end by themselves":      kvTTL,
		"a key that lives on is set again": kvTTLSetAgain,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func set(t testing.TB, kv port.KeyValue, key, value string) uint64 {
	t.Helper()
	revision, err := kv.Set(t.Context(), key, []byte(value), 0)
	if err != nil {
		t.Fatalf("Set %s: %v", key, err)
	}
	return revision
}

func wantEntry(t testing.TB, kv port.KeyValue, key, value string, revision uint64) {
	t.Helper()
	e, err := kv.Get(t.Context(), key)
	if err != nil || e.Key != key || string(e.Value) != value || e.Revision != revision {
		t.Errorf("Get(%s) is %+v, %v; not %q in revision %d", key, e, err, value, revision)
	}
}

func wantNoEntry(t testing.TB, kv port.KeyValue, key string) {
	t.Helper()
	_, err := kv.Get(t.Context(), key)
	wantErr(t, "Get "+key, err, core.ErrNotFound)
}

func kvRoundTrip(t *testing.T, kv port.KeyValue) {
	wantNoEntry(t, kv, "a")
	first := set(t, kv, "a", "one")
	wantEntry(t, kv, "a", "one", first)
	second := set(t, kv, "a", "\x00\xff two")
	if second <= first {
		t.Errorf("revision %d follows %d", second, first)
	}
	wantEntry(t, kv, "a", "\x00\xff two", second)
	wantEntry(t, kv, "a.b-C_9", "", set(t, kv, "a.b-C_9", ""))
	wantEntry(t, kv, "a", "\x00\xff two", second)
}

func kvCompareAndSwap(t *testing.T, kv port.KeyValue) {
	ctx := t.Context()
	first, err := kv.Update(ctx, "a", []byte("1"), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = kv.Update(ctx, "a", []byte("x"), 0, 0)
	wantErr(t, "Update of what is there", err, port.ErrConflict)
	second, err := kv.Update(ctx, "a", []byte("2"), first, 0)
	if err != nil || second <= first {
		t.Fatalf("Update: %d after %d, %v", second, first, err)
	}
	_, err = kv.Update(ctx, "a", []byte("x"), first, 0)
	wantErr(t, "Update of an old revision", err, port.ErrConflict)
	_, err = kv.Update(ctx, "none", []byte("x"), 7, 0)
	wantErr(t, "Update of what is not there", err, port.ErrConflict)
	wantEntry(t, kv, "a", "2", second)
	wantNoEntry(t, kv, "none")
}

func kvDelete(t *testing.T, kv port.KeyValue) {
	ctx := t.Context()
	if err := kv.Delete(ctx, "none", 0); err != nil {
		t.Errorf("Delete of nothing: %v", err)
	}
	wantErr(t, "Delete of a revision that is not there", kv.Delete(ctx, "none", 3), port.ErrConflict)
	first := set(t, kv, "a", "1")
	second := set(t, kv, "a", "2")
	wantErr(t, "Delete of an old revision", kv.Delete(ctx, "a", first), port.ErrConflict)
	if err := kv.Delete(ctx, "a", second); err != nil {
		t.Fatal(err)
	}
	wantNoEntry(t, kv, "a")
	third, err := kv.Update(ctx, "a", []byte("3"), 0, 0)
	if err != nil || third <= second {
		t.Fatalf("Update after Delete: %d after %d, %v", third, second, err)
	}
	wantEntry(t, kv, "a", "3", third)
	if err := kv.Delete(ctx, "a", 0); err != nil {
		t.Fatal(err)
	}
	wantNoEntry(t, kv, "a")
}

func kvRefused(t *testing.T, kv port.KeyValue) {
	for _, key := range []string{"", "a b", ".a", "a.", "a..b", "ü", "a/b", "a*", "a.>", strings.Repeat("k", port.MaxKVKey+1)} {
		_, err := kv.Set(t.Context(), key, nil, 0)
		wantErr(t, fmt.Sprintf("Set %.20q", key), err, core.ErrBadToken)
		_, err = kv.Get(t.Context(), key)
		wantErr(t, fmt.Sprintf("Get %.20q", key), err, core.ErrBadToken)
		wantErr(t, fmt.Sprintf("Delete %.20q", key), kv.Delete(t.Context(), key, 0), core.ErrBadToken)
	}
	_, err := kv.Set(t.Context(), "a", make([]byte, port.MaxKVValue+1), 0)
	wantErr(t, "Set of too much", err, port.ErrTooLarge)
	_, err = kv.Update(t.Context(), "a", make([]byte, port.MaxKVValue+1), 0, 0)
	wantErr(t, "Update of too much", err, port.ErrTooLarge)
	set(t, kv, strings.Repeat("k", port.MaxKVKey), strings.Repeat("v", port.MaxKVValue))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := kv.Get(ended, "a"); err == nil {
		t.Error("Get with an ended context worked")
	}
}

func kvManyWriters(t *testing.T, kv port.KeyValue) {
	const writers, each = 8, 10
	var writing sync.WaitGroup
	for range writers {
		writing.Go(func() {
			for range each {
				if err := increment(t.Context(), kv, "counter"); err != nil {
					t.Errorf("increment: %v", err)
					return
				}
			}
		})
	}
	writing.Wait()
	e, err := kv.Get(t.Context(), "counter")
	if err != nil || binary.BigEndian.Uint64(e.Value) != writers*each {
		t.Errorf("the counter is %v, %v", e.Value, err)
	}
}

func increment(ctx context.Context, kv port.KeyValue, key string) error {
	for {
		e, err := kv.Get(ctx, key)
		if err != nil && !errors.Is(err, core.ErrNotFound) {
			return err
		}
		n := uint64(0)
		if len(e.Value) == 8 {
			n = binary.BigEndian.Uint64(e.Value)
		}
		_, err = kv.Update(ctx, key, binary.BigEndian.AppendUint64(nil, n+1), e.Revision, 0)
		if !errors.Is(err, port.ErrConflict) {
			return err
		}
	}
}

func kvKeys(t *testing.T, kv port.KeyValue) {
	for _, key := range []string{"a", "a.b", "a.b.c", "ab", "b"} {
		set(t, kv, key, key)
	}
	if err := kv.Delete(t.Context(), "b", 0); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, kv, "", "a", "a.b", "a.b.c", "ab")
	wantKeys(t, kv, "a", "a", "a.b", "a.b.c")
	wantKeys(t, kv, "a.b", "a.b", "a.b.c")
	wantKeys(t, kv, "none")
}

func wantKeys(t testing.TB, kv port.KeyValue, prefix string, want ...string) {
	t.Helper()
	var got []string
	for key, err := range kv.Keys(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("Keys: %v", err)
		}
		got = append(got, key)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("keys under %q are %q, not %q", prefix, got, want)
	}
}

// awaitExpiry waits until a key has no value.
func awaitExpiry(t testing.TB, kv port.KeyValue, key string) {
	t.Helper()
	eventually(t, key+" expires", func() bool {
		_, err := kv.Get(t.Context(), key)
		return errors.Is(err, core.ErrNotFound)
	})
}

func kvTTL(t *testing.T, kv port.KeyValue) {
	set(t, kv, "stays", "1")
	revision, err := kv.Update(t.Context(), "goes", []byte("2"), 0, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	wantEntry(t, kv, "goes", "2", revision)
	awaitExpiry(t, kv, "goes")
	wantKeys(t, kv, "", "stays")
	again, err := kv.Update(t.Context(), "goes", []byte("3"), 0, 0)
	if err != nil || again <= revision {
		t.Errorf("Update of what has gone: %d after %d, %v", again, revision, err)
	}
}

func kvTTLSetAgain(t *testing.T, kv port.KeyValue) {
	if _, err := kv.Set(t.Context(), "a", []byte("1"), time.Second); err != nil {
		t.Fatal(err)
	}
	revision := set(t, kv, "a", "2") // for ever
	if _, err := kv.Set(t.Context(), "b", []byte("1"), time.Second); err != nil {
		t.Fatal(err)
	}
	awaitExpiry(t, kv, "b")
	wantEntry(t, kv, "a", "2", revision)
}
