package porttest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// A writer whose answer was lost retries with the same expected revision.
func triedAgain(t *testing.T, store port.EventStore) {
	s := stream("a")
	first := appendOK(t, store, core.Revision{}, commit(s, "c1", 2))
	second := appendOK(t, store, first, commit(s, "c2", 1))
	appendOK(t, store, second, commit(s, "c3", 1))
	if again := appendOK(t, store, first, commit(s, "c2", 1)); !reflect.DeepEqual(again, second) {
		t.Errorf("the second commit, tried again, got %+v, not %+v", again, second)
	}
	if again := appendOK(t, store, core.Revision{}, commit(s, "c1", 2)); !reflect.DeepEqual(again, first) {
		t.Errorf("the first commit, tried again, got %+v, not %+v", again, first)
	}
	other := commit(s, "c2", 1)
	other.Command.Hash = "another body"
	_, err := store.Append(t.Context(), first, other)
	wantErr(t, "the same command id with another body", err, port.ErrConflict)
	later := commit(s, "c1", 2)
	later.Time = later.Time.Add(time.Microsecond)
	_, err = store.Append(t.Context(), core.Revision{}, later)
	wantErr(t, "the same command decided at another time", err, port.ErrConflict)
	_, err = store.Append(t.Context(), second, commit(s, "c2", 1))
	wantErr(t, "the same command at another revision", err, port.ErrConflict)
	if commits := read(t, store, s, 0); len(commits) != 3 {
		t.Errorf("the stream has %d commits, not 3", len(commits))
	}
}

// Concurrent and repeated appends of one command write one commit, and all callers get its revision.
func triedByMany(t *testing.T, store port.EventStore) {
	s := stream("a")
	revision := appendOK(t, store, core.Revision{}, commit(s, "c1", 1))
	revisions := make([]core.Revision, 16)
	var writing sync.WaitGroup
	for w := range revisions {
		writing.Go(func() {
			var err error
			if revisions[w], err = store.Append(t.Context(), revision, commit(s, "c2", 2)); err != nil {
				t.Errorf("try %d: %v", w, err)
			}
		})
	}
	writing.Wait()
	for w := range revisions {
		if !reflect.DeepEqual(revisions[w], revisions[0]) {
			t.Errorf("try %d got %+v, the first got %+v", w, revisions[w], revisions[0])
		}
	}
	if commits := read(t, store, s, 0); len(commits) != 2 {
		t.Errorf("the stream has %d commits, not 2", len(commits))
	}
}

func manyWriters(t *testing.T, store port.EventStore) {
	const writers, each = 32, 8
	s := stream("hot")
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for n := range each {
				if err := appendWhenFree(t.Context(), store, commit(s, fmt.Sprintf("%d-%d", w, n), 1+n%2)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writing.Wait()
	seen := map[string]bool{}
	version := core.Version(0)
	for _, c := range read(t, store, s, 0) {
		if c.First() != version+1 || seen[c.Command.ID] {
			t.Errorf("version %d to %d by %s follows %d", c.First(), c.Version, c.Command.ID, version)
		}
		version, seen[c.Command.ID] = c.Version, true
	}
	if len(seen) != writers*each {
		t.Errorf("%d commits are there, %d were acknowledged", len(seen), writers*each)
	}
}

// appendWhenFree appends at the stream's current revision, and retries conflicts.
func appendWhenFree(ctx context.Context, store port.EventStore, c core.Commit) error {
	for {
		last, err := store.Last(ctx, c.Stream)
		if err != nil && !errors.Is(err, port.ErrNoStream) {
			return err
		}
		_, err = store.Append(ctx, last.Revision(), c)
		if !errors.Is(err, port.ErrConflict) {
			return err
		}
	}
}

func manyStreams(t *testing.T, store port.EventStore) {
	const writers, streams, each = 8, 5, 10
	name := func(w, i int) core.Stream { return stream(fmt.Sprintf("s-%d-%d", w, i)) }
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			var revisions [streams]core.Revision
			for n := range each {
				for i := range revisions {
					var err error
					if revisions[i], err = store.Append(t.Context(), revisions[i], commit(name(w, i), fmt.Sprint(n), 1+n%2)); err != nil {
						t.Errorf("append %d to %s: %v", n, name(w, i), err)
						return
					}
				}
			}
		})
	}
	writing.Wait()
	for w := range writers {
		for i := range streams {
			commits := read(t, store, name(w, i), 0)
			if len(commits) != each {
				t.Fatalf("%s has %d commits, not %d", name(w, i), len(commits), each)
			}
			for n, c := range commits {
				if c.Command.ID != fmt.Sprint(n) || c.Stream != name(w, i) {
					t.Errorf("commit %d of %s is %s of %s", n, name(w, i), c.Command.ID, c.Stream)
				}
			}
		}
	}
}
