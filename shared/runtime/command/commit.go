package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

// commit appends the events and advances the slot. A client that disconnects does not cancel the append: the log has its
// own time budget, and the result has to be known.
func (x *Executor) commit(ctx context.Context, slot *slot, c *call, events []core.Event) (runtime.Result, error) {
	next, err := x.encode(&slot.State, c, events)
	if err != nil {
		return runtime.Result{}, err
	}
	value, err := Fold(slot.aggregate, slot.Value, &next)
	if err != nil {
		return runtime.Result{}, err
	}
	revision, err := x.appender.Append(context.WithoutCancel(ctx), slot.Revision, next)
	x.rateSnapshot(slot, err)
	if err != nil {
		slot.stale = true
		return runtime.Result{}, err
	}
	next.Version, next.Position, next.Previous = revision.Version, revision.Position, revision.Previous
	slot.advance(value, &next)
	if slot.unsaved >= x.snapshotEvery(slot.aggregate) {
		x.save(slot)
	}
	return runtime.Result{
		Stream: c.Stream, Version: next.Version, Position: next.Position, CommandID: c.ID, Events: next.Kinds(),
	}, nil
}

// isLogError reports whether an error of [Executor.commit] came from the log: a conflict, or no answer. Any other error
// concerns the events: nothing was written, and another state may lead to other events.
func isLogError(err error) bool {
	return errors.Is(err, port.ErrConflict) || errors.Is(err, port.ErrUnavailable)
}

// encode builds the commit. The executor folds the encoded events, as every later reader does.
func (x *Executor) encode(s *State, c *call, events []core.Event) (core.Commit, error) {
	now := x.config.Clock().UTC().Truncate(time.Microsecond)
	if now.Before(s.time) {
		now = s.time // the time never decreases within a stream, even if this machine's clock is behind
	}
	commit := core.Commit{
		Stream: c.Stream, Version: s.Revision.Version + core.Version(len(events)), Time: now,
		Command:       core.CommandRef{ID: c.ID, Hash: c.hash},
		CorrelationID: cmp.Or(c.CorrelationID, c.ID), CausationID: cmp.Or(c.CausationID, c.ID),
		Origin: c.Origin, Events: make([]core.Recorded, len(events)),
	}
	commit.Origin.Sender = cmp.Or(c.Origin.Sender, x.config.Sender)
	for i, event := range events {
		recorded, err := s.aggregate.Encode(event)
		if err != nil {
			return core.Commit{}, fmt.Errorf("command %q on %s: %w", c.Name, c.Stream, err)
		}
		commit.Events[i] = recorded
	}
	return commit, nil
}

func (x *Executor) snapshotEvery(a *core.Aggregate) int {
	if a.Snapshot.Every > 0 {
		return a.Snapshot.Every
	}
	return x.config.SnapshotEvery
}

// save queues a snapshot of the slot's state. The caller holds the slot.
func (x *Executor) save(slot *slot) {
	if slot.loaded && slot.needsSnapshot() && x.writer.offer(slot.State) {
		slot.saved, slot.unsaved = slot.Revision.Version, 0
	}
}
