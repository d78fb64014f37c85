package command_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
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
