package runtime

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"orchestrix/shared/es"
)

func manyRecent() (r recentCommands) {
	for n := range MaxRecent {
		c := recentCommand{
			ID: recentID(n), Hash: fmt.Sprintf("%032x", n), Version: es.Version(2*n + 2),
			Position: es.Position{Partition: 3, Sequence: uint64(1000 + n)}, Events: []string{"A", "B"},
		}
		if n%3 == 0 {
			c.Hash, c.Events = "", []string{"C"}
		}
		r = append(r, c)
	}
	return r
}

func TestRecentCommandsComeBackFromASnapshot(t *testing.T) {
	t.Parallel()
	for _, want := range []recentCommands{{}, manyRecent()[:1], manyRecent()} {
		got, err := decodeRecent(string(want.encode(nil)))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(- saved, + restored)\n%s", d)
		}
	}
}

func TestRecentCommandsThatNobodyCanRepeatAreNotSaved(t *testing.T) {
	t.Parallel()
	good := manyRecent()[:1]
	bad := recentCommands{{ID: "two words"}, {ID: ""}, {ID: "a\nb"}, {ID: "a", Hash: "b c"}, {ID: "a", Events: []string{"b\nc"}}}
	got, err := decodeRecent(string(append(bad, good...).encode(nil)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(good, got); d != "" {
		t.Errorf("(- saved, + restored)\n%s", d)
	}
	for _, text := range []string{"1 0-1 h k\n", "1 0-1 h k i", "1 0-1 h k i j\n", "x 0-1 h k i\n", "1 x h k i\n", "\n"} {
		if got, err := decodeRecent(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

func tally(t testing.TB) *es.Aggregate {
	t.Helper()
	r, err := es.NewRegistry(es.Module{Name: "m", Deciders: []es.DeciderDef{es.Decider[int]{Category: "tally"}}})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := r.Aggregate("tally")
	return a
}

func TestASnapshotComesBack(t *testing.T) {
	t.Parallel()
	want := newFolded(tally(t), es.Stream{Tenant: "default", Category: "tally", ID: "a"})
	want.state, want.time, want.recent = 3, time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), manyRecent()
	want.revision = es.Revision{Version: 9, Position: es.Position{Partition: 3, Sequence: 5}}
	s, err := want.snapshot()
	if err != nil {
		t.Fatal(err)
	}
	got := newFolded(want.aggregate, want.stream)
	if err := got.restore(s); err != nil {
		t.Fatal(err)
	}
	want.saved = 9
	if d := cmp.Diff(want, got, cmp.AllowUnexported(folded{}), cmpopts.IgnoreFields(folded{}, "aggregate")); d != "" {
		t.Errorf("(- saved, + restored)\n%s", d)
	}
	for _, text := range []string{"", "{}", "3-5 2026-01-02T03:04:05Z 2\n3", "3-5 2026-01-02T03:04:05Z -1\n3", "3-5 now 1\n3", "x 2026-01-02T03:04:05Z 1\n3", "3-5 2026-01-02T03:04:05Z 1\nx", "3-5 2026-01-02T03:04:05Z 1\n3x"} {
		s.State = []byte(text)
		if err := got.restore(s); err == nil {
			t.Errorf("%q is taken for a snapshot", text)
		}
	}
}

func BenchmarkSnapshot(b *testing.B) {
	f := newFolded(tally(b), es.Stream{Tenant: "default", Category: "tally", ID: "a"})
	f.state, f.recent = 3, manyRecent()
	b.Run("take", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := f.snapshot(); err != nil {
				b.Fatal(err)
			}
		}
	})
	s, err := f.snapshot()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := f.restore(s); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// recentID has characters now and then that other forms would escape.
func recentID(n int) string {
	if n%50 == 49 {
		return fmt.Sprintf(`a"\<%d>`, n)
	}
	return fmt.Sprintf("0191a0de-7b2c-7c3e-9f43-%012x", n)
}
