package runtime

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"orchestrix/shared/es"
)

const (
	savedAtOnce   = 200                    // snapshots in one write
	saveQueue     = 4096                   // snapshots that may wait; more are dropped: they only save time
	saveTimeout   = 5 * time.Second        // for one write
	saveLatest    = 15 * time.Second       // for all that is left at shutdown
	saveGathering = 100 * time.Millisecond // how long a first snapshot waits for company
)

// snapshotSaver writes snapshots behind the commands: nothing waits for it, and what it can't write is
// dropped.
type snapshotSaver struct {
	snapshots es.Snapshots // nil: saves nothing
	log       es.Reader
	logger    *slog.Logger
	observer  CommandObserver
	queue     chan folded
}

func newSnapshotSaver(snapshots es.Snapshots, log es.Reader, logger *slog.Logger, observer CommandObserver) *snapshotSaver {
	return &snapshotSaver{snapshots: snapshots, log: log, logger: logger, observer: observer, queue: make(chan folded, saveQueue)}
}

// offer queues a state. It reports false where the queue is full or nothing is saved at all. The state
// itself is not copied: evolve functions leave what an older state points to unchanged.
func (s *snapshotSaver) offer(f folded) bool {
	if s.snapshots == nil {
		return false
	}
	select {
	case s.queue <- f:
		return true
	default:
		s.observer.Snapshots(SnapshotDropped, 1)
		return false
	}
}

// run writes until ctx ends. Then it writes what waits, and the states that rest returns.
func (s *snapshotSaver) run(ctx context.Context, rest func() []folded) error {
	for {
		select {
		case f := <-s.queue:
			s.write(ctx, s.gather(ctx, f))
		case <-ctx.Done():
			s.finish(context.WithoutCancel(ctx), rest())
			return nil
		}
	}
}

// finish writes everything that is left, as long as that works and there is time.
func (s *snapshotSaver) finish(ctx context.Context, states []folded) {
	ctx, cancel := context.WithTimeout(ctx, saveLatest)
	defer cancel()
	for len(s.queue) > 0 {
		states = append(states, <-s.queue)
	}
	for chunk := range slices.Chunk(states, savedAtOnce) {
		if ctx.Err() != nil || !s.write(ctx, chunk) {
			s.logger.WarnContext(ctx, "the last snapshots were not saved: their aggregates will be folded from the log")
			return
		}
	}
}

// gather collects what comes shortly after the first.
func (s *snapshotSaver) gather(ctx context.Context, first folded) []folded {
	states := append(make([]folded, 0, savedAtOnce), first)
	timer := time.NewTimer(saveGathering)
	defer timer.Stop()
	for len(states) < savedAtOnce {
		select {
		case f := <-s.queue:
			states = append(states, f)
		case <-timer.C:
			return states
		case <-ctx.Done():
			return states
		}
	}
	return states
}

// write reports whether the snapshots were saved.
func (s *snapshotSaver) write(ctx context.Context, states []folded) bool {
	snapshots := make([]es.Snapshot, 0, len(states))
	for i := range states {
		snapshot, err := states[i].snapshot(s.log.Created(states[i].stream))
		if err != nil {
			s.logger.WarnContext(ctx, "snapshot not saved", "error", err)
			continue
		}
		snapshots = append(snapshots, snapshot)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	if err := s.snapshots.Save(ctx, snapshots); err != nil {
		s.logger.WarnContext(ctx, "snapshots not saved: cold aggregates will be folded from the log", "count", len(snapshots), "error", err)
		s.observer.Snapshots(SnapshotDropped, len(snapshots))
		return false
	}
	s.observer.Snapshots(SnapshotWritten, len(snapshots))
	return true
}
