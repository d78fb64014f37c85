package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

const (
	snapshotTimeout = 500 * time.Millisecond // to read one snapshot: a load can do without
	snapshotPause   = 2 * time.Second        // without snapshots after a failed read
	// longReplay is the number of events from which on a snapshot is read even during snapshotPause. Under load, reads fail
	// because they are slow; replaying long streams instead would slow all reads further.
	longReplay = 256
)

// Loader folds aggregates from the log, with the help of snapshots if there are any.
type Loader struct {
	log       port.Reader
	snapshots port.Snapshots // nil: none
	logger    *slog.Logger
	observer  Observer

	skipUntil atomic.Int64 // Unix time in nanoseconds before which no snapshot is read
}

// NewLoader returns a loader of the streams of log. snapshots may be nil: streams are then folded from the log alone. observer may
// be nil.
func NewLoader(log port.Reader, snapshots port.Snapshots, logger *slog.Logger, observer Observer) *Loader {
	if observer == nil {
		observer = noObserver{}
	}
	return &Loader{log: log, snapshots: snapshots, logger: logger, observer: observer}
}

// Load folds a whole stream up to its newest commit, which newest reads, concurrently with the snapshot. If the snapshot is
// current, nothing else is read. A stream without events returns the initial state. Load returns the errors of newest except
// [port.ErrNoStream], [core.ErrCorrupt], and [port.ErrUnavailable].
func (l *Loader) Load(ctx context.Context, a *core.Aggregate, stream core.Stream, newest func() (core.Commit, error)) (State, error) {
	found := make(chan *port.Snapshot, 1)
	available := l.snapshotsAvailable()
	if available {
		go func() { found <- l.snapshot(ctx, a, stream) }()
	}
	last, err := newest()
	var snapshot *port.Snapshot
	if available {
		snapshot = <-found
	} else if err == nil && last.Version >= longReplay {
		snapshot = l.snapshot(ctx, a, stream)
	}

	s := newState(a, stream)
	if errors.Is(err, port.ErrNoStream) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if snapshot != nil && snapshot.Version <= last.Version {
		if l.fromSnapshot(ctx, &s, *snapshot, last) {
			return s, nil
		}
		s = newState(a, stream)
	}
	return s, l.replay(ctx, &s, last)
}

// restoreNewest sets s to the newest snapshot without reading the log; s may be stale then. It reports false if there is no
// usable snapshot.
func (l *Loader) restoreNewest(ctx context.Context, s *State) bool {
	if !l.snapshotsAvailable() {
		return false
	}
	snapshot := l.snapshot(ctx, s.aggregate, s.stream)
	return snapshot != nil && l.restore(ctx, s, *snapshot)
}

// snapshotsAvailable reports false during the pause after a failed read.
func (l *Loader) snapshotsAvailable() bool { return time.Now().UnixNano() >= l.skipUntil.Load() }

func (l *Loader) restore(ctx context.Context, s *State, snapshot port.Snapshot) bool {
	err := s.restore(snapshot)
	if err != nil {
		l.reject(ctx, snapshot, err)
	}
	return err == nil
}

func (l *Loader) reject(ctx context.Context, snapshot port.Snapshot, err error) {
	l.logger.WarnContext(ctx, "snapshot ignored, replaying the log", "stream", snapshot.Stream.String(), "error", err)
	l.observer.Snapshots(SnapshotRejected, 1)
}

// fromSnapshot restores a snapshot and folds the commits after it. It reports false if the snapshot is not usable and the
// whole log has to be replayed.
func (l *Loader) fromSnapshot(ctx context.Context, s *State, snapshot port.Snapshot, last core.Commit) bool {
	if !l.restore(ctx, s, snapshot) {
		return false
	}
	if snapshot.Version < last.Version {
		err := l.replay(ctx, s, last)
		if err != nil {
			l.reject(ctx, snapshot, err)
		}
		return err == nil
	}
	if s.Revision.Position != last.Position {
		l.reject(ctx, snapshot, fmt.Errorf("it is of another log: it has version %d at %s, the log at %s", snapshot.Version, s.Revision.Position, last.Position))
		return false
	}
	s.Revision = last.Revision()
	return true
}

// replay folds the commits after s's version up to last.
func (l *Loader) replay(ctx context.Context, s *State, last core.Commit) error {
	for c, err := range l.log.Since(ctx, s.Revision.Version, last) {
		if err != nil {
			return err
		}
		if err := checkLink(s.Revision, &c); err != nil {
			return err
		}
		if err := s.apply(&c); err != nil {
			return err
		}
	}
	return nil
}

// refresh folds the commits that other writers have appended after s. It returns [core.ErrCorrupt] if s does not fit the log,
// which was replaced then.
func (l *Loader) refresh(ctx context.Context, s *State) error {
	last, err := l.log.LastConfirmed(ctx, s.stream)
	if err != nil && !errors.Is(err, port.ErrNoStream) {
		return err
	}
	if last.Version > s.Revision.Version {
		return l.replay(ctx, s, last)
	}
	if last.Version < s.Revision.Version || last.Position != s.Revision.Position {
		return fmt.Errorf("%w: %s ends with version %d at %s in the log, with version %d at %s in memory",
			core.ErrCorrupt, s.stream, last.Version, last.Position, s.Revision.Version, s.Revision.Position)
	}
	return nil
}

// snapshot reads the stream's snapshot; nil if there is none, or it can't be read.
func (l *Loader) snapshot(ctx context.Context, a *core.Aggregate, stream core.Stream) *port.Snapshot {
	if l.snapshots == nil || a.Snapshot.Every < 0 {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, snapshotTimeout)
	defer cancel()
	snapshot, err := l.snapshots.Load(bounded, stream, snapshotSchema(a, l.log.Created(stream)))
	if errors.Is(err, core.ErrNotFound) {
		if errors.Is(err, core.ErrCorrupt) {
			l.reject(ctx, port.Snapshot{Stream: stream}, err)
		}
		return nil
	}
	if err != nil {
		if ctx.Err() == nil {
			now := time.Now()
			if l.skipUntil.Swap(now.Add(snapshotPause).UnixNano()) < now.UnixNano() {
				l.logger.WarnContext(ctx, "snapshots can't be read, replaying the log", "pause", snapshotPause, "error", err)
			}
		}
		return nil
	}
	return &snapshot
}

// checkLink returns [core.ErrCorrupt] unless c was appended directly after the revision before: a snapshot of another log has
// the same versions at other positions. A log without back-pointers can't be checked.
func checkLink(before core.Revision, c *core.Commit) error {
	if len(c.Previous) == 0 || before.Version == 0 {
		return nil
	}
	if c.Previous[0] != before.Position.Sequence {
		return fmt.Errorf("%w: %s: version %d at %s was appended after sequence %d, the folded state ends at %s",
			core.ErrCorrupt, c.Stream, c.First(), c.Position, c.Previous[0], before.Position)
	}
	return nil
}
