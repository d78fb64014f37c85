package runtime

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"orchestrix/shared/es"
)

// guesses say, for each command, whether it is worth while to take an aggregate that is in no cache for one without
// events. Where that is right, nothing has to be read at all: the append itself finds out, since it expects a stream
// without commits. Where it is wrong, the append was for nothing. A command that starts aggregates is hardly ever sent
// to one that is there; one that goes on with them soon stops guessing.
type guesses struct {
	byCommand sync.Map // *es.CommandType → *atomic.Int32
}

const (
	boldest  = 8   // how many wrong guesses in a row it takes to stop
	tryAgain = 512 // a command that has stopped guessing guesses again once in so many
)

func (g *guesses) of(t *es.CommandType) *atomic.Int32 {
	if known, ok := g.byCommand.Load(t); ok {
		return known.(*atomic.Int32)
	}
	fresh := new(atomic.Int32)
	fresh.Store(boldest)
	known, _ := g.byCommand.LoadOrStore(t, fresh)
	return known.(*atomic.Int32)
}

// may reports whether the command should guess.
func (g *guesses) may(t *es.CommandType) bool {
	left := g.of(t)
	if left.Load() > 0 {
		return true
	}
	if left.Add(-1) > -tryAgain {
		return false
	}
	left.Store(1)
	return true
}

func (g *guesses) right(t *es.CommandType) {
	if left := g.of(t); left.Load() != boldest { // most of the time nothing changes, and nobody else's cache has to know
		left.Store(boldest)
	}
}

func (g *guesses) wrong(t *es.CommandType) { g.of(t).Add(-1) }

// guess decides a command on an aggregate that is not in memory as if it had no events. It reports false where that
// came to nothing: the aggregate then has to be loaded. Only an append that has worked counts: a "no", and a command
// that changes nothing, may look different on what there is.
func (x *Executor) guess(ctx context.Context, entry *cached, t *es.CommandType, payload any, c Command, hash string) (Result, bool, error) {
	if entry.loaded || entry.stale || c.IfMatch != nil && *c.IfMatch != 0 || !x.guesses.may(t) {
		return Result{}, false, nil
	}
	entry.folded = newFolded(t.Aggregate, entry.stream)
	events, _, err := x.decide(ctx, &entry.folded, t, payload, c, hash)
	if err != nil || len(events) == 0 {
		return Result{}, false, nil //nolint:nilerr // it is asked again of what there is
	}
	result, err := x.commit(ctx, entry, c, hash, events)
	switch {
	case err == nil:
		x.config.Observer.Loaded(ctx, entry.stream.Category, FromGuess, 0)
		x.guesses.right(t)
		entry.loaded = true
		return result, true, nil
	case errors.Is(err, es.ErrConflict): // entry is marked as stale: the log's leader is asked next
		x.guesses.wrong(t)
		return Result{}, false, nil
	}
	return Result{}, true, err
}
