package runtime

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"orchestrix/shared/es"
)

// guesses say whether it is worth while to go on without a look at the log. The append itself finds out, since it expects
// what was guessed; where that is wrong, the append was for nothing. There are two:
//
//   - For a command, that an aggregate in no cache has no events. Where that is right, nothing has to be read at all. A
//     command that starts aggregates is hardly ever sent to one that is there; one that goes on with them soon stops
//     guessing.
//   - For a kind of aggregate, that the snapshot of one in no cache is current. Where that is right, nothing else has to be
//     read. What leaves the cache gets a snapshot, so that it is right until another service goes on with the aggregate,
//     or one has ended without saving.
type guesses struct {
	left sync.Map // *es.CommandType or *es.Aggregate → *atomic.Int32
}

const (
	boldest  = 8   // how many wrong guesses in a row it takes to stop
	tryAgain = 512 // what has stopped is guessed again once in so many times
)

func (g *guesses) of(kind any) *atomic.Int32 {
	if known, ok := g.left.Load(kind); ok {
		return known.(*atomic.Int32)
	}
	fresh := new(atomic.Int32)
	fresh.Store(boldest)
	known, _ := g.left.LoadOrStore(kind, fresh)
	return known.(*atomic.Int32)
}

// may reports whether to guess.
func (g *guesses) may(kind any) bool {
	left := g.of(kind)
	if left.Load() > 0 {
		return true
	}
	if left.Add(-1) > -tryAgain {
		return false
	}
	left.Store(0) // for one alone: the others wait for what comes of it
	return true
}

func (g *guesses) right(kind any) {
	if left := g.of(kind); left.Load() != boldest { // most of the time nothing changes, and nobody else's cache has to know
		left.Store(boldest)
	}
}

func (g *guesses) wrong(kind any) { g.of(kind).Add(-1) }

// guess decides a command on an aggregate that is not in memory as if it had no events. It reports false where that
// came to nothing: the aggregate then has to be loaded. Only an append that has worked counts: a "no", a command that
// changes nothing, and events that can't be written may look different on what there is.
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
	return Result{}, saysTheLog(err), err
}

// remember takes an aggregate that is not in memory for what its snapshot says: it is then as one in the cache that others
// may have gone on with. It reports false where that came to nothing.
func (x *Executor) remember(ctx context.Context, entry *cached, a *es.Aggregate) bool {
	if x.loader.snapshots == nil || a.Snapshot.Every < 0 || !x.guesses.may(a) {
		return false
	}
	f := newFolded(a, entry.stream)
	if !x.loader.remembered(ctx, &f) {
		x.guesses.wrong(a)
		return false
	}
	entry.folded, entry.loaded, entry.remembered = f, true, true
	return true
}

// judge learns from an append whether a snapshot was current.
func (x *Executor) judge(entry *cached, err error) {
	if !entry.remembered {
		return
	}
	entry.remembered = false
	switch {
	case err == nil:
		x.guesses.right(entry.aggregate)
	case errors.Is(err, es.ErrConflict):
		x.guesses.wrong(entry.aggregate)
	}
}
