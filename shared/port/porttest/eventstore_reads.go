package porttest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

func readFromAnyVersion(t *testing.T, store port.EventStore) {
	s := stream("a")
	revision := core.Revision{}
	const commits = 60
	for n := range commits {
		revision = appendOK(t, store, revision, commit(s, fmt.Sprint(n), 1+n%3))
	}
	for after := range revision.Version + 1 {
		version := after
		for _, c := range read(t, store, s, after) {
			if c.First() > version+1 || c.Version <= version {
				t.Fatalf("after %d: version %d to %d follows %d", after, c.First(), c.Version, version)
			}
			if want := fmt.Sprintf("%q", c.Command.ID); !strings.Contains(string(c.Events[0].Data), want) {
				t.Fatalf("commit %s holds %s", c.Command.ID, c.Events[0].Data)
			}
			version = c.Version
		}
		if version != revision.Version {
			t.Fatalf("after %d: reading ended with %d, not %d", after, version, revision.Version)
		}
	}
}

// Since ends with the given commit, also after newer appends.
func readUpTo(t *testing.T, store port.EventStore) {
	s := stream("a")
	revision := core.Revision{}
	for n := range 3 * core.MaxPrevious {
		revision = appendOK(t, store, revision, commit(s, fmt.Sprint(n), 2))
	}
	all := read(t, store, s, 0)
	for i, last := range all {
		for _, after := range []core.Version{0, last.Version / 2, last.First() - 1, last.First(), last.Version, last.Version + 1} {
			version := after
			for c, err := range store.Since(t.Context(), after, last) {
				if err != nil || c.First() > version+1 {
					t.Fatalf("after %d, up to %d: version %d follows %d: %v", after, last.Version, c.First(), version, err)
				}
				version = c.Version
			}
			if want := max(after, last.Version); version != want {
				t.Fatalf("after %d, up to commit %d: reading ended with version %d, not %d", after, i, version, want)
			}
		}
	}
}

func readStopped(t *testing.T, store port.EventStore) {
	s := stream("a")
	revision := core.Revision{}
	for n := range 2 * core.MaxPrevious {
		revision = appendOK(t, store, revision, commit(s, fmt.Sprint(n), 1))
	}
	last, err := store.Last(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for wanted := 1; wanted < 2*core.MaxPrevious; wanted *= 2 {
		got := 0
		for c, err := range store.Since(t.Context(), 0, last) {
			if got++; err != nil || c.Version != core.Version(got) {
				t.Fatalf("commit %d is version %d: %v", got, c.Version, err)
			}
			if got == wanted {
				break
			}
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	for _, err = range store.Since(ended, 0, last) {
		if err != nil {
			break
		}
	}
	wantErr(t, "Since under an ended context", err, port.ErrUnavailable)
}

func backPointers(t *testing.T, store port.EventStore) {
	s := stream("a")
	revision := core.Revision{}
	var sequences []uint64
	for n := range core.MaxPrevious + 5 {
		revision = appendOK(t, store, revision, commit(s, fmt.Sprint(n), 1))
		if revision.Previous == nil && n > 0 {
			t.Skip("this store keeps no back-pointers")
		}
		want := min(n, core.MaxPrevious)
		if len(revision.Previous) != want {
			t.Fatalf("commit %d has %d back-pointers, not %d", n, len(revision.Previous), want)
		}
		for i, p := range revision.Previous {
			if p != sequences[n-1-i] {
				t.Fatalf("commit %d points to %v, the sequences are %v", n, revision.Previous, sequences)
			}
		}
		sequences = append(sequences, revision.Position.Sequence)
	}
}
