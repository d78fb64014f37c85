package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"orchestrix/shared/es"
)

const (
	snapshotTimeout = 500 * time.Millisecond // for the read of one snapshot: the log can do without
	snapshotPause   = 2 * time.Second        // without snapshots after a failed read
	// longReplay is from how many events on a snapshot is asked for even then: under load, when a read fails because
	// it is late, replaying what is long instead would make it later still for all.
	longReplay = 256
)

// loader folds aggregates from the log, with the help of snapshots where there are any.
type loader struct {
	log       es.Reader
	snapshots es.Snapshots // nil: none
	logger    *slog.Logger
	observer  CommandObserver

	skipUntil atomic.Int64 // unix nanoseconds; until then no snapshot is asked for
}

// load folds a whole stream up to its newest commit, which newest reads. That and the snapshot are read at the
// same time: where the snapshot is current, that is all it costs. A stream without events gives the initial
// state.
func (l *loader) load(ctx context.Context, a *es.Aggregate, s es.Stream, newest func() (es.Commit, error)) (folded, error) {
	found := make(chan *es.Snapshot, 1)
	asks := l.asks()
	if asks {
		go func() { found <- l.snapshot(ctx, a, s) }()
	}
	last, err := newest()
	var snapshot *es.Snapshot
	if asks {
		snapshot = <-found
	} else if err == nil && last.Version >= longReplay {
		snapshot = l.snapshot(ctx, a, s)
	}

	f := newFolded(a, s)
	if errors.Is(err, es.ErrNoStream) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	if snapshot != nil && snapshot.Version <= last.Version {
		if l.fromSnapshot(ctx, &f, *snapshot, last) {
			return f, nil
		}
		f = newFolded(a, s)
	}
	return f, l.replay(ctx, &f, last)
}

// remembered makes f what the newest snapshot says, without a look at the log: as what is in the cache, it may be out of
// date. It reports false where there is no snapshot that can be used.
func (l *loader) remembered(ctx context.Context, f *folded) bool {
	if !l.asks() {
		return false
	}
	snapshot := l.snapshot(ctx, f.aggregate, f.stream)
	return snapshot != nil && l.restore(ctx, f, *snapshot)
}

// asks reports whether snapshots can be asked for.
func (l *loader) asks() bool { return time.Now().UnixNano() >= l.skipUntil.Load() }

func (l *loader) restore(ctx context.Context, f *folded, s es.Snapshot) bool {
	err := f.restore(s)
	if err != nil {
		l.reject(ctx, s, err)
	}
	return err == nil
}

func (l *loader) reject(ctx context.Context, s es.Snapshot, err error) {
	l.logger.WarnContext(ctx, "snapshot ignored, replaying the log", "stream", s.Stream.String(), "error", err)
	l.observer.Snapshots(SnapshotRejected, 1)
}

// fromSnapshot folds the commits after the snapshot. It reports false where the snapshot can't be used: the
// log alone decides then.
func (l *loader) fromSnapshot(ctx context.Context, f *folded, s es.Snapshot, last es.Commit) bool {
	if !l.restore(ctx, f, s) {
		return false
	}
	if s.Version < last.Version {
		err := l.replay(ctx, f, last)
		if err != nil {
			l.reject(ctx, s, err)
		}
		return err == nil
	}
	if f.revision.Position != last.Position {
		l.reject(ctx, s, fmt.Errorf("it is of another log: it has version %d at %s, the log at %s", s.Version, f.revision.Position, last.Position))
		return false
	}
	f.revision = last.Revision()
	return true
}

// replay folds the commits from f's version up to last.
func (l *loader) replay(ctx context.Context, f *folded, last es.Commit) error {
	for c, err := range l.log.Since(ctx, f.revision.Version, last) {
		if err != nil {
			return err
		}
		if err := checkLink(f.revision, &c); err != nil {
			return err
		}
		if err := f.apply(&c); err != nil {
			return err
		}
	}
	return nil
}

// refresh folds what others have written since f was folded. It returns [es.ErrCorrupt] where f does not
// fit the log: the log was replaced.
func (l *loader) refresh(ctx context.Context, f *folded) error {
	last, err := l.log.LastConfirmed(ctx, f.stream)
	if err != nil && !errors.Is(err, es.ErrNoStream) {
		return err
	}
	if last.Version > f.revision.Version {
		return l.replay(ctx, f, last)
	}
	if last.Version < f.revision.Version || last.Position != f.revision.Position {
		return fmt.Errorf("%w: %s ends with version %d at %s in the log, with version %d at %s in memory",
			es.ErrCorrupt, f.stream, last.Version, last.Position, f.revision.Version, f.revision.Position)
	}
	return nil
}

func (l *loader) snapshot(ctx context.Context, a *es.Aggregate, s es.Stream) *es.Snapshot {
	if l.snapshots == nil || a.Snapshot.Every < 0 {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, snapshotTimeout)
	defer cancel()
	snapshot, err := l.snapshots.Load(bounded, s, snapshotSchema(a, l.log.Created(s)))
	if errors.Is(err, es.ErrNotFound) {
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

// checkLink makes sure that c was written on top of what is folded: a snapshot of another log has the same
// versions at other positions. A log without back-pointers can't tell.
func checkLink(before es.Revision, c *es.Commit) error {
	if len(c.Previous) == 0 || before.Version == 0 {
		return nil
	}
	if c.Previous[0] != before.Position.Sequence {
		return fmt.Errorf("%w: %s: version %d at %s was written after sequence %d, what is folded ends at %s",
			es.ErrCorrupt, c.Stream, c.First(), c.Position, c.Previous[0], before.Position)
	}
	return nil
}
