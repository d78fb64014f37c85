package estest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"orchestrix/shared/es"
)

// EventStore holds an adapter to what [es.EventStore] says. open returns an empty store for one test.
func EventStore(t *testing.T, open func(t testing.TB) es.EventStore) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, es.EventStore){
		"what goes in comes out":         roundTrip,
		"a stream that is not there":     noStream,
		"conflicts":                      conflicts,
		"reading from any version":       readFromAnyVersion,
		"streams are kept apart":         streamsApart,
		"a commit that is tried again":   triedAgain,
		"many writers on one stream":     manyWriters,
		"bad names and ended contexts":   refused,
		"a commit that is too large":     tooLarge,
		"back-pointers and their length": backPointers,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func roundTrip(t *testing.T, store es.EventStore) {
	s := stream("a")
	c := commit(s, "c1", 3)
	revision := appendOK(t, store, es.Revision{}, c)
	if revision.Version != 3 || revision.Position.Sequence == 0 {
		t.Errorf("revision is %+v", revision)
	}
	c.Version, c.Position = revision.Version, revision.Position
	last, err := store.Last(t.Context(), s)
	if err != nil || !reflect.DeepEqual(last, c) {
		t.Errorf("Last is %+v, %v\nnot %+v", last, err, c)
	}
	confirmed, err := store.LastConfirmed(t.Context(), s)
	if err != nil || !reflect.DeepEqual(confirmed, c) {
		t.Errorf("LastConfirmed is %+v, %v\nnot %+v", confirmed, err, c)
	}
	if commits := read(t, store, s, 0); len(commits) != 1 || !reflect.DeepEqual(commits[0], c) {
		t.Errorf("read %+v\nnot %+v", commits, c)
	}
}

func noStream(t *testing.T, store es.EventStore) {
	_, err := store.Last(t.Context(), stream("none"))
	wantErr(t, "Last", err, es.ErrNoStream)
	_, err = store.LastConfirmed(t.Context(), stream("none"))
	wantErr(t, "LastConfirmed", err, es.ErrNoStream)
	if commits := read(t, store, stream("none"), 0); len(commits) != 0 {
		t.Errorf("read %+v", commits)
	}
}

func conflicts(t *testing.T, store es.EventStore) {
	s := stream("a")
	first := appendOK(t, store, es.Revision{}, commit(s, "c1", 1))
	second := appendOK(t, store, first, commit(s, "c2", 2))
	for what, expected := range map[string]es.Revision{
		"a first commit on a stream that exists": {},
		"a stale revision":                       first,
		"a revision from the future":             {Version: 9, Position: es.Position{Partition: second.Position.Partition, Sequence: second.Position.Sequence + 5}},
	} {
		_, err := store.Append(t.Context(), expected, commit(s, "other", 1))
		wantErr(t, what, err, es.ErrConflict)
	}
	_, err := store.Append(t.Context(), second, commit(stream("b"), "other", 1))
	wantErr(t, "the revision of another stream", err, es.ErrConflict)
	if commits := read(t, store, s, 0); len(commits) != 2 {
		t.Errorf("the stream has %d commits, not 2", len(commits))
	}
}

func readFromAnyVersion(t *testing.T, store es.EventStore) {
	s := stream("a")
	revision := es.Revision{}
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

func streamsApart(t *testing.T, store es.EventStore) {
	long := strings.Repeat("x", es.MaxTokenLength)
	streams := []es.Stream{
		{Tenant: "default", Category: "thing", ID: "1"}, {Tenant: "default", Category: "other", ID: "1"},
		{Tenant: "tenant-2", Category: "thing", ID: "1"}, {Tenant: "default", Category: "thing-1", ID: "1"},
		{Tenant: "default", Category: "thing", ID: "1-1"}, {Tenant: long, Category: long, ID: long},
	}
	for _, s := range streams {
		appendOK(t, store, es.Revision{}, commit(s, "same-id", 1))
	}
	for _, s := range streams {
		if commits := read(t, store, s, 0); len(commits) != 1 || commits[0].Stream != s {
			t.Errorf("%s holds %+v", s.Path(), commits)
		}
	}
}

// A writer whose answer was lost tries again with what it expected before.
func triedAgain(t *testing.T, store es.EventStore) {
	s := stream("a")
	first := appendOK(t, store, es.Revision{}, commit(s, "c1", 2))
	second := appendOK(t, store, first, commit(s, "c2", 1))
	appendOK(t, store, second, commit(s, "c3", 1))
	if again := appendOK(t, store, first, commit(s, "c2", 1)); !reflect.DeepEqual(again, second) {
		t.Errorf("the second commit, tried again, got %+v, not %+v", again, second)
	}
	if again := appendOK(t, store, es.Revision{}, commit(s, "c1", 2)); !reflect.DeepEqual(again, first) {
		t.Errorf("the first commit, tried again, got %+v, not %+v", again, first)
	}
	other := commit(s, "c2", 1)
	other.Command.Hash = "another body"
	_, err := store.Append(t.Context(), first, other)
	wantErr(t, "the same command id with another body", err, es.ErrConflict)
	_, err = store.Append(t.Context(), second, commit(s, "c2", 1))
	wantErr(t, "the same command at another revision", err, es.ErrConflict)
	if commits := read(t, store, s, 0); len(commits) != 3 {
		t.Errorf("the stream has %d commits, not 3", len(commits))
	}
}

func manyWriters(t *testing.T, store es.EventStore) {
	const writers, each = 16, 12
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
	version := es.Version(0)
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

// appendWhenFree appends at whatever revision the stream has, again and again.
func appendWhenFree(ctx context.Context, store es.EventStore, c es.Commit) error {
	for {
		last, err := store.Last(ctx, c.Stream)
		if err != nil && !errors.Is(err, es.ErrNoStream) {
			return err
		}
		_, err = store.Append(ctx, last.Revision(), c)
		if !errors.Is(err, es.ErrConflict) {
			return err
		}
	}
}

func refused(t *testing.T, store es.EventStore) {
	for _, id := range []string{"", "a.b", "a*", "a>", "a b", "ü", strings.Repeat("x", es.MaxTokenLength+1)} {
		_, err := store.Append(t.Context(), es.Revision{}, commit(stream(id), "c", 1))
		wantErr(t, fmt.Sprintf("id %q", id), err, es.ErrBadToken)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	_, err := store.Append(ended, es.Revision{}, commit(stream("a"), "c", 1))
	wantErr(t, "Append under an ended context", err, es.ErrUnavailable)
	_, err = store.Last(ended, stream("a"))
	wantErr(t, "Last under an ended context", err, es.ErrUnavailable)
}

// Limited is an event store that takes no commit above a size.
type Limited interface {
	MaxCommit() int // bytes
}

func tooLarge(t *testing.T, store es.EventStore) {
	limited, ok := store.(Limited)
	if !ok {
		t.Skip("this store takes commits of any size")
	}
	s := stream("a")
	c := commit(s, "large", 1)
	c.Events[0].Data = []byte(`"` + strings.Repeat("x", limited.MaxCommit()) + `"`)
	_, err := store.Append(t.Context(), es.Revision{}, c)
	wantErr(t, "a commit above the limit", err, es.ErrTooLarge)
	c.Events[0].Data = []byte(`"` + strings.Repeat("x", limited.MaxCommit()-4096) + `"`)
	appendOK(t, store, es.Revision{}, c)
}

func backPointers(t *testing.T, store es.EventStore) {
	s := stream("a")
	revision := es.Revision{}
	var sequences []uint64
	for n := range es.MaxPrevious + 5 {
		revision = appendOK(t, store, revision, commit(s, fmt.Sprint(n), 1))
		if revision.Previous == nil && n > 0 {
			t.Skip("this store keeps no back-pointers")
		}
		want := min(n, es.MaxPrevious)
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
