package porttest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// EventStore tests an implementation of [port.EventStore]. open returns an empty store for one test.
func EventStore(t *testing.T, open func(t testing.TB) port.EventStore) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, port.EventStore){
		"what goes in comes out":                roundTrip,
		"what is written stays as it is":        notShared,
		"a stream that is not there":            noStream,
		"conflicts":                             conflicts,
		"streams are kept apart":                streamsApart,
		"bad names and ended contexts":          refused,
		"commits that could not be read":        unreadable,
		"a commit that is too large":            tooLarge,
		"reading from any version":              readFromAnyVersion,
		"reading up to an older commit":         readUpTo,
		"reading that stops or is stopped":      readStopped,
		"back-pointers and their length":        backPointers,
		"a commit that is tried again":          triedAgain,
		"one commit tried by many concurrently": triedByMany,
		"many writers on one stream":            manyWriters,
		"many writers on many streams":          manyStreams,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func roundTrip(t *testing.T, store port.EventStore) {
	s := stream("a")
	c := commit(s, "c1", 3)
	revision := appendOK(t, store, core.Revision{}, c)
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

// The writer may reuse its slices after an append.
func notShared(t *testing.T, store port.EventStore) {
	s := stream("a")
	c := commit(s, "c1", 2)
	want := commit(s, "c1", 2).Events
	revision := appendOK(t, store, core.Revision{}, c)
	c.Events[0].Type = "things.Changed"
	c.Events[1].Data[0] = 'x'
	last, err := store.Last(t.Context(), s)
	if err != nil || !reflect.DeepEqual(last.Events, want) || last.Position != revision.Position {
		t.Errorf("Last holds %+v, %v\nnot %+v", last.Events, err, want)
	}
}

func noStream(t *testing.T, store port.EventStore) {
	_, err := store.Last(t.Context(), stream("none"))
	wantErr(t, "Last", err, port.ErrNoStream)
	_, err = store.LastConfirmed(t.Context(), stream("none"))
	wantErr(t, "LastConfirmed", err, port.ErrNoStream)
	if commits := read(t, store, stream("none"), 0); len(commits) != 0 {
		t.Errorf("read %+v", commits)
	}
}

func conflicts(t *testing.T, store port.EventStore) {
	s := stream("a")
	first := appendOK(t, store, core.Revision{}, commit(s, "c1", 1))
	second := appendOK(t, store, first, commit(s, "c2", 2))
	for what, expected := range map[string]core.Revision{
		"a first commit on a stream that exists": {},
		"a stale revision":                       first,
		"a revision from the future":             {Version: 9, Position: core.Position{Partition: second.Position.Partition, Sequence: second.Position.Sequence + 5}},
	} {
		_, err := store.Append(t.Context(), expected, commit(s, "other", 1))
		wantErr(t, what, err, port.ErrConflict)
		var conflict *port.ConflictError
		if errors.As(err, &conflict) && (conflict.Stream != s || conflict.Expected != expected.Version || conflict.Actual == 0 || conflict.Actual > 3) {
			t.Errorf("%s: %+v", what, conflict)
		}
	}
	_, err := store.Append(t.Context(), second, commit(stream("b"), "other", 1))
	wantErr(t, "the revision of another stream", err, port.ErrConflict)
	if commits := read(t, store, s, 0); len(commits) != 2 {
		t.Errorf("the stream has %d commits, not 2", len(commits))
	}
}

func streamsApart(t *testing.T, store port.EventStore) {
	long := strings.Repeat("x", core.MaxTokenLength)
	streams := []core.Stream{
		{Tenant: "default", Category: "thing", ID: "1"}, {Tenant: "default", Category: "other", ID: "1"},
		{Tenant: "tenant-2", Category: "thing", ID: "1"}, {Tenant: "default", Category: "thing-1", ID: "1"},
		{Tenant: "default", Category: "thing", ID: "1-1"}, {Tenant: long, Category: long, ID: long},
	}
	for _, s := range streams {
		appendOK(t, store, core.Revision{}, commit(s, "same-id", 1))
	}
	for _, s := range streams {
		if commits := read(t, store, s, 0); len(commits) != 1 || commits[0].Stream != s {
			t.Errorf("%s holds %+v", s.Path(), commits)
		}
	}
}

func refused(t *testing.T, store port.EventStore) {
	for _, id := range []string{"", "a.b", "a*", "a>", "a b", "ü", strings.Repeat("x", core.MaxTokenLength+1)} {
		_, err := store.Append(t.Context(), core.Revision{}, commit(stream(id), "c", 1))
		wantErr(t, fmt.Sprintf("id %q", id), err, core.ErrBadToken)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	_, err := store.Append(ended, core.Revision{}, commit(stream("a"), "c", 1))
	wantErr(t, "Append under an ended context", err, port.ErrUnavailable)
	_, err = store.Last(ended, stream("a"))
	wantErr(t, "Last under an ended context", err, port.ErrUnavailable)
}

// A commit that could not be read is not written.
func unreadable(t *testing.T, store port.EventStore) {
	for what, c := range map[string]struct {
		change func(*core.Commit)
		want   error
	}{
		"no event":               {func(c *core.Commit) { c.Events = nil }, core.ErrBadPayload},
		"an event without type":  {func(c *core.Commit) { c.Events[1].Type = "" }, core.ErrBadPayload},
		"schema version 0":       {func(c *core.Commit) { c.Events[1].Schema = 0 }, core.ErrBadPayload},
		"an event without data":  {func(c *core.Commit) { c.Events[1].Data = nil }, core.ErrBadPayload},
		"data that is no JSON":   {func(c *core.Commit) { c.Events[1].Data = []byte("{") }, core.ErrBadPayload},
		"no command id":          {func(c *core.Commit) { c.Command.ID = "" }, core.ErrBadToken},
		"a line in a command id": {func(c *core.Commit) { c.Command.ID = "a\r\nNats-Rollup: all" }, core.ErrBadToken},
	} {
		bad := commit(stream("a"), "c", 2)
		c.change(&bad)
		_, err := store.Append(t.Context(), core.Revision{}, bad)
		wantErr(t, what, err, c.want)
	}
	_, err := store.Last(t.Context(), stream("a"))
	wantErr(t, "Last afterwards", err, port.ErrNoStream)
}

// Limited is an event store with a maximum size of commits.
type Limited interface {
	MaxCommit() int // bytes
}

func tooLarge(t *testing.T, store port.EventStore) {
	limited, ok := store.(Limited)
	if !ok {
		t.Skip("this store takes commits of any size")
	}
	s := stream("a")
	c := commit(s, "large", 1)
	c.Events[0].Data = []byte(`"` + strings.Repeat("x", limited.MaxCommit()) + `"`)
	_, err := store.Append(t.Context(), core.Revision{}, c)
	wantErr(t, "a commit above the limit", err, port.ErrTooLarge)
	c.Events[0].Data = []byte(`"` + strings.Repeat("x", limited.MaxCommit()-4096) + `"`)
	appendOK(t, store, core.Revision{}, c)
}
