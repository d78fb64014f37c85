package command

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/port"
)

const (
	maxSaved      = 200                    // snapshots in one write
	saveQueue     = 4096                   // snapshots that may wait; more are dropped: they only save time
	saveTimeout   = 5 * time.Second        // for one write
	finishTimeout = 15 * time.Second       // for the rest at shutdown
	saveDelay     = 100 * time.Millisecond // for which a first snapshot waits for more
)

// snapshotWriter writes snapshots in the background: no command waits for it, and a snapshot that can't be written is dropped.
type snapshotWriter struct {
	snapshots port.Snapshots // nil: nothing is written
	log       port.Reader
	logger    *slog.Logger
	observer  Observer
	queue     chan State
}

func newSnapshotWriter(snapshots port.Snapshots, log port.Reader, logger *slog.Logger, observer Observer) *snapshotWriter {
	return &snapshotWriter{snapshots: snapshots, log: log, logger: logger, observer: observer, queue: make(chan State, saveQueue)}
}

// offer queues a state. It reports false if the queue is full or snapshots are off. The domain's value is not copied: evolve
// functions don't change values that an older state refers to.
func (w *snapshotWriter) offer(s State) bool {
	if w.snapshots == nil {
		return false
	}
	select {
	case w.queue <- s:
		return true
	default:
		w.observer.Snapshots(SnapshotDropped, 1)
		return false
	}
}

// writeSnapshots writes until ctx ends. Then it writes the queue and the states that rest returns.
func (w *snapshotWriter) writeSnapshots(ctx context.Context, rest func() []State) error {
	for {
		select {
		case s := <-w.queue:
			w.write(ctx, w.gather(ctx, s))
		case <-ctx.Done():
			w.finish(context.WithoutCancel(ctx), rest())
			return nil
		}
	}
}

// finish writes the queue and these states, until a write fails or finishTimeout has passed.
func (w *snapshotWriter) finish(ctx context.Context, states []State) {
	ctx, cancel := context.WithTimeout(ctx, finishTimeout)
	defer cancel()
	for len(w.queue) > 0 {
		states = append(states, <-w.queue)
	}
	for chunk := range slices.Chunk(states, maxSaved) {
		if ctx.Err() != nil || !w.write(ctx, chunk) {
			w.logger.WarnContext(ctx, "the last snapshots were not saved: their aggregates will be folded from the log")
			return
		}
	}
}

// gather collects the states that are queued within saveDelay after the first.
func (w *snapshotWriter) gather(ctx context.Context, first State) []State {
	states := append(make([]State, 0, maxSaved), first)
	timer := time.NewTimer(saveDelay)
	defer timer.Stop()
	for len(states) < maxSaved {
		select {
		case s := <-w.queue:
			states = append(states, s)
		case <-timer.C:
			return states
		case <-ctx.Done():
			return states
		}
	}
	return states
}

// write reports whether the snapshots were saved.
func (w *snapshotWriter) write(ctx context.Context, states []State) bool {
	snapshots := make([]port.Snapshot, 0, len(states))
	for i := range states {
		snapshot, err := states[i].snapshot(w.log.Created(states[i].stream))
		if err != nil {
			w.logger.WarnContext(ctx, "snapshot not saved", "error", err)
			continue
		}
		snapshots = append(snapshots, snapshot)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	if err := w.snapshots.Save(ctx, snapshots); err != nil {
		w.logger.WarnContext(ctx, "snapshots not saved: aggregates that are not cached will be folded from the log", "count", len(snapshots), "error", err)
		w.observer.Snapshots(SnapshotDropped, len(snapshots))
		return false
	}
	w.observer.Snapshots(SnapshotWritten, len(snapshots))
	return true
}
