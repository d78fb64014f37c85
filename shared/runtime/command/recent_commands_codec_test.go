package command

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
)

func recentCommit(n int) *core.Commit {
	events := []core.Recorded{{Type: "m.A"}, {Type: "m.B"}}
	if n%3 == 0 {
		events = []core.Recorded{{Type: "m.C"}}
	}
	hash := fmt.Sprintf("%032x", n)
	if n%5 == 0 {
		hash = "" // a foreign writer has left it out
	}
	return &core.Commit{
		Command: core.CommandRef{ID: recentID(n), Hash: hash}, Version: core.Version(2*n + 2),
		Position: core.Position{Partition: 3, Sequence: uint64(1000 + n)}, Events: events,
	}
}

func recentOf(commits int) (r recentCommands) {
	for n := range commits {
		r = r.add(recentCommit(n))
	}
	return r
}

func TestTheNewestCommandsAreRemembered(t *testing.T) {
	t.Parallel()
	const commits = MaxRecent + 20
	r := recentOf(commits)
	restored, err := decodeRecent(r.encoded)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []recentCommands{r, restored} {
		for n := range commits {
			c := recentCommit(n)
			var want *recentCommand
			if n >= commits-MaxRecent {
				want = &recentCommand{ID: c.Command.ID, Hash: c.Command.Hash, Version: c.Version, Position: c.Position, Events: c.Kinds()}
			}
			got, err := r.find(c.Command.ID)
			if d := cmp.Diff(want, got); d != "" || err != nil {
				t.Errorf("command %d, (- there, + found)\n%s\n%v", n, d, err)
			}
		}
	}
	for _, id := range []string{"", recentID(30)[1:], recentID(30) + "0"} {
		if got, err := r.find(id); got != nil || err != nil {
			t.Errorf("%q is taken for %+v, %v", id, got, err)
		}
	}
}

// Changes of one copy must not be visible in another: a snapshot is encoded while commands are added.
func TestCopiesOfTheRecentCommandsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	r := recentOf(MaxRecent)
	before := bytes.Clone(r.encoded)
	for n := range 2 * MaxRecent {
		r.add(recentCommit(n))
	}
	if !bytes.Equal(before, r.encoded) {
		t.Error("adding to a copy has changed the original")
	}
}

func TestBrokenRecentCommandsAreRefused(t *testing.T) {
	t.Parallel()
	whole := recentOf(2).encoded
	second := len(recentOf(1).encoded)
	for n := 1; n < len(whole); n++ {
		if _, err := decodeRecent(whole[:n]); err == nil && n != second {
			t.Errorf("the first %d of %d bytes are taken for whole", n, len(whole))
		}
	}
	e, _ := cutRecent(whole)
	for n := range e {
		if c, err := e[:n].decode(); err == nil && n != len(e)-2 { // a kind less is whole, too
			t.Errorf("the first %d of %d bytes are taken for %+v", n, len(e), c)
		}
	}
}

func tally(t testing.TB) *core.Aggregate {
	t.Helper()
	r, err := compile.Modules(es.Module{Name: "m", Deciders: []es.DeciderDef{es.Decider[int]{Category: "tally"}}})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := r.Aggregate("tally")
	return a
}

func TestASnapshotComesBack(t *testing.T) {
	t.Parallel()
	want := newState(tally(t), core.Stream{Tenant: "default", Category: "tally", ID: "a"})
	want.Value, want.time, want.recent = 3, time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), recentOf(MaxRecent)
	want.Revision = core.Revision{Version: 9, Position: core.Position{Partition: 3, Sequence: 5}, Previous: []uint64{4, 2}}
	s, err := want.snapshot(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	got := newState(want.aggregate, want.stream)
	if err := got.restore(s); err != nil {
		t.Fatal(err)
	}
	want.saved = 9
	if d := cmp.Diff(want, got, cmp.AllowUnexported(State{}, recentCommands{}), cmpopts.IgnoreFields(State{}, "aggregate", "measured", "grown")); d != "" {
		t.Errorf("(- saved, + restored)\n%s", d)
	}
	for _, text := range []string{
		"", "{}", "3-5 2026-01-02T03:04:05Z 4 2\n3",
		"3-5 2026-01-02T03:04:05Z 4 -1\n3", "3-5 now 4 1\n3", "x 2026-01-02T03:04:05Z 4 1\n3", "3-5 2026-01-02T03:04:05Z 4,x 1\n3",
		"3-5 2026-01-02T03:04:05Z 4 1\nx", "3-5 2026-01-02T03:04:05Z 4 1\n3x", "3-5 2026-01-02T03:04:05Z 1\n3",
	} {
		s.State = []byte(text)
		if err := got.restore(s); err == nil {
			t.Errorf("%q is taken for a snapshot", text)
		}
	}
}

func BenchmarkSnapshot(b *testing.B) {
	s := newState(tally(b), core.Stream{Tenant: "default", Category: "tally", ID: "a"})
	s.Value, s.recent = 3, recentOf(MaxRecent)
	b.Run("take", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.snapshot(time.Time{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	snapshot, err := s.snapshot(time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := s.restore(snapshot); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// recentID sometimes has characters that need quoting elsewhere.
func recentID(n int) string {
	if n%50 == 49 {
		return fmt.Sprintf(`a"\<%d>`, n)
	}
	return fmt.Sprintf("0191a0de-7b2c-7c3e-9f43-%012x", n)
}
