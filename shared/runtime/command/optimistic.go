package command

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

// hitRate decides when to proceed optimistically, without reading the stream first. The append's expected revision catches a
// wrong assumption, at the cost of one rejected append. There are two assumptions:
//
//   - Per command type: an aggregate that is not cached has no events. If that is right, nothing has to be read. A command
//     that creates aggregates is nearly always right; one that changes existing aggregates soon stops assuming it.
//   - Per aggregate type: the snapshot of an aggregate that is not cached is current. If that is right, only the snapshot has
//     to be read. An aggregate that leaves the cache gets a snapshot, so that the assumption holds until another service
//     changes the aggregate, or a service ended without saving.
type hitRate struct {
	left sync.Map // *core.CommandType or *core.Aggregate → *atomic.Int32
}

const (
	maxMisses  = 8   // misses in a row after which the assumption is not made any more
	retryAfter = 512 // uses after which it is made once more
)

func (h *hitRate) of(kind any) *atomic.Int32 {
	if known, ok := h.left.Load(kind); ok {
		return known.(*atomic.Int32)
	}
	fresh := new(atomic.Int32)
	fresh.Store(maxMisses)
	known, _ := h.left.LoadOrStore(kind, fresh)
	return known.(*atomic.Int32)
}

// try reports whether to make the assumption.
func (h *hitRate) try(kind any) bool {
	left := h.of(kind)
	if left.Load() > 0 {
		return true
	}
	if left.Add(-1) > -retryAfter {
		return false
	}
	left.Store(0) // one caller alone tries: the others wait for its result
	return true
}

func (h *hitRate) hit(kind any) {
	if left := h.of(kind); left.Load() != maxMisses { // mostly unchanged: no write that would invalidate the caches of other cores
		left.Store(maxMisses)
	}
}

func (h *hitRate) miss(kind any) { h.of(kind).Add(-1) }

// tryOptimistic decides a command on an aggregate that is not cached as if the aggregate had no events. It reports false if
// the aggregate has to be loaded after all. Only a successful append counts: a rejection, a command without events, and
// events that can't be written may differ on the actual state.
func (x *Executor) tryOptimistic(ctx context.Context, slot *slot, c *call) (runtime.Result, bool, error) {
	if slot.loaded || slot.stale || c.IfMatch != nil && *c.IfMatch != 0 || !x.rate.try(c.Type) {
		return runtime.Result{}, false, nil
	}
	slot.State = newState(c.Type.Aggregate, slot.stream)
	events, _, err := x.decide(ctx, &slot.State, c)
	if err != nil || len(events) == 0 {
		return runtime.Result{}, false, nil //nolint:nilerr // it is decided again on the actual state
	}
	result, err := x.commit(ctx, slot, c, events)
	switch {
	case err == nil:
		x.rate.hit(c.Type)
		slot.loaded, c.optimistic = true, true
		return result, true, nil
	case errors.Is(err, port.ErrConflict): // commit has marked the slot as stale: the next load asks the log's leader
		x.rate.miss(c.Type)
		return runtime.Result{}, false, nil
	}
	return runtime.Result{}, isLogError(err), err
}

// fromUnconfirmedSnapshot fills the slot from the aggregate's snapshot without reading the log. As any cached state, it may
// be stale. It reports false if there is no usable snapshot.
func (x *Executor) fromUnconfirmedSnapshot(ctx context.Context, s *slot, a *core.Aggregate) bool {
	if x.loader.snapshots == nil || a.Snapshot.Every < 0 || !x.rate.try(a) {
		return false
	}
	restored := newState(a, s.stream)
	if !x.loader.restoreNewest(ctx, &restored) {
		x.rate.miss(a)
		return false
	}
	s.State, s.loaded, s.unconfirmed = restored, true, true
	return true
}

// rateSnapshot learns from the error of an append whether an unconfirmed snapshot was current.
func (x *Executor) rateSnapshot(slot *slot, err error) {
	if !slot.unconfirmed {
		return
	}
	slot.unconfirmed = false
	switch {
	case err == nil:
		x.rate.hit(slot.aggregate)
	case errors.Is(err, port.ErrConflict):
		x.rate.miss(slot.aggregate)
	}
}
