package command_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"
)

// countedReads counts the reads of newest commits.
type countedReads struct {
	port.EventStore
	reads atomic.Int32
}

func (l *countedReads) Last(ctx context.Context, s core.Stream) (core.Commit, error) {
	l.reads.Add(1)
	return l.EventStore.Last(ctx, s)
}

func (l *countedReads) LastConfirmed(ctx context.Context, s core.Stream) (core.Commit, error) {
	l.reads.Add(1)
	return l.EventStore.LastConfirmed(ctx, s)
}

// Rejected commands cost a client nothing: on invented ids they must not push out the aggregates that are in use.
func TestRejectedCommandsOnInventedIDsEvictNothing(t *testing.T) {
	t.Parallel()
	const size = 8
	log := &countedReads{EventStore: memory.NewLog(4)}
	x := runtimetest.NewExecutor(t, log, nil, command.Config{CacheSize: size})
	for n := range size {
		runtimetest.MustExecute(t, x, runtimetest.AddCommand(fmt.Sprint("used-", n), "first", 1))
	}
	for n := range 10 * size {
		if _, err := x.Execute(t.Context(), runtimetest.AddCommand(fmt.Sprint("invented-", n), "bad", -1)); err == nil {
			t.Fatal("the command was to be rejected")
		}
	}
	if cached := x.Cached(); cached != size {
		t.Errorf("%d aggregates are cached, want %d", cached, size)
	}
	before := log.reads.Load()
	for n := range size {
		runtimetest.MustExecute(t, x, runtimetest.AddCommand(fmt.Sprint("used-", n), "second", 1))
	}
	if reads := log.reads.Load() - before; reads > 0 {
		t.Errorf("%d of the aggregates in use had to be loaded again", reads)
	}
}

// note is an aggregate whose state is as large as the newest text.
type note struct{ Text string }

type write struct{ Text string }

type written struct{ Text string }

func (note) write(w write) ([]core.Event, error) { return es.Accept(written(w)) }

func (note) written(w written) note { return note(w) }

// Large states must not fill the memory: the cache is bounded in bytes too. Many small events do not make a state large.
func TestTheCacheIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	registry := runtimetest.NewRegistry(t, es.Module{Name: "notes", Deciders: []es.DeciderDef{es.Decider[note]{
		Category: "note", Decide: es.Commands[note]{es.Handle("write", note.write)}, Evolve: es.Events[note]{es.Apply("Written", note.written)},
	}}})
	const size = 16 << 10
	x, err := command.NewExecutor(registry, memory.NewLog(1), nil, command.Config{CacheBytes: 10 * size})
	if err != nil {
		t.Fatal(err)
	}
	writeNote := func(id string, n, size int) {
		runtimetest.MustExecute(t, x, runtime.Command{
			Stream: core.Stream{Tenant: core.DefaultTenant, Category: "note", ID: id}, Name: "write", ID: fmt.Sprint(id, n),
			Body: []byte(`{"Text":"` + strings.Repeat("x", size) + `"}`),
		})
	}
	for n := range 100 {
		writeNote(fmt.Sprint("large-", n), 1, size)
	}
	if cached := x.Cached(); cached < 2 || cached > 5 {
		t.Errorf("%d states of %d bytes are cached", cached, size)
	}
	for n := range 100 {
		writeNote("busy", n, 4<<10)
	}
	for n := range 20 {
		writeNote(fmt.Sprint("small-", n), 1, 1)
	}
	before := x.Cached()
	writeNote("busy", 100, 4<<10)
	if cached := x.Cached(); cached != before || cached < 21 {
		t.Errorf("beside an aggregate with many events, %d aggregates are cached, then %d", before, cached)
	}
}
