package port

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"orchestrix/shared/core"
	"time"
)

// Appender writes commits.
type Appender interface {
	// Append writes c as the one commit after expected and returns the stream's new revision. It sets
	// c.Version, c.Position and c.Previous itself. Where the commit after expected is already that of the same
	// c.Command, id and hash, and of the same c.Time, the write has landed before, its answer was lost, and its
	// revision is returned. Where the same command was decided at another time, that is a conflict: who decides has
	// to look at what there is.
	//
	// It returns [ErrConflict] if the stream's revision is not expected, as [*ConflictError] where the versions are known,
	// [ErrTooLarge] if the log takes no entry of this size, and [ErrUnavailable] if the log did not answer within its budget:
	// the outcome is then unknown.
	Append(ctx context.Context, expected core.Revision, c core.Commit) (core.Revision, error)
}

// Reader reads streams.
type Reader interface {
	// Last returns the newest commit of s, or [ErrNoStream]. The answer may be stale by a moment where
	// replicas answer; an append is safe all the same, since it compares revisions.
	Last(ctx context.Context, s core.Stream) (core.Commit, error)

	// LastConfirmed is Last as the log's leader knows it: the answer includes every commit of s that was
	// acknowledged before the call. It costs the leader work that replicas could share.
	LastConfirmed(ctx context.Context, s core.Stream) (core.Commit, error)

	// Since yields the commits of last.Stream that hold events after version after, oldest first, up to
	// and including last. Versions are contiguous; where they can't be, it ends with [core.ErrCorrupt].
	Since(ctx context.Context, after core.Version, last core.Commit) iter.Seq2[core.Commit, error]

	// Created is when the partition that holds s was created, as it was when the log was opened: another time means
	// another log, and what is remembered of a stream there says nothing about the one here.
	Created(s core.Stream) time.Time
}

// EventStore is a log as aggregates see it.
type EventStore interface {
	Appender
	Reader
}

// Feed is a log as followers see it: P partitions, each in its own total order.
type Feed interface {
	// Partitions is how many partitions the log has; fixed when the log was created.
	Partitions() int

	// Head describes the end of a partition.
	Head(ctx context.Context, partition int) (Head, error)

	// Follow hands the commits after a position to handle, in order, each at least once, and then waits for
	// more. A batch holds 1 to maxBatch commits: what was there, without waiting for it to fill. It returns
	// when ctx ends (with nil, after handle has returned), when handle fails (with its error), or with
	// [ErrUnavailable] when the log can't be reached: follow again from the last position handled.
	Follow(ctx context.Context, after core.Position, maxBatch int, handle func(context.Context, Batch) error) error
}

// Head is the end of a partition.
type Head struct {
	Position core.Position // of the newest commit; sequence 0 where there is none
	Time     time.Time     // when it was written; zero where there is none
	Created  time.Time     // when the partition was created: another time means another log
}

// Batch is what a [Feed] hands over at once.
type Batch struct {
	Commits []core.Commit
	Pending uint64 // how many more the partition held when the last of these was read; 0 means caught up
}

// Log is a whole log: what a service opens.
type Log interface {
	EventStore
	Feed
}

// Read yields the commits of s that hold events after version after, oldest first. Nothing is yielded for a
// stream without events. The errors are those of [Reader].
func Read(ctx context.Context, r Reader, s core.Stream, after core.Version) iter.Seq2[core.Commit, error] {
	return func(yield func(core.Commit, error) bool) {
		last, err := r.Last(ctx, s)
		if errors.Is(err, ErrNoStream) {
			return
		}
		if err != nil {
			yield(core.Commit{}, err)
			return
		}
		if last.Version <= after {
			return
		}
		for c, err := range r.Since(ctx, after, last) {
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// errFound ends a follower that has what it wanted.
var errFound = errors.New("found")

// CommitAt reads the commit at a position, which the log must have reached. Where an entry can't be read as a commit,
// its Err says so. It returns [core.ErrNotFound] where the position holds no commit, or [ErrUnavailable].
func CommitAt(ctx context.Context, f Feed, at core.Position) (core.Commit, error) {
	head, err := f.Head(ctx, at.Partition)
	if err != nil {
		return core.Commit{}, err
	}
	if at.Sequence == 0 || head.Position.Sequence < at.Sequence {
		return core.Commit{}, fmt.Errorf("%w: the log holds no commit at %s", core.ErrNotFound, at)
	}
	var found core.Commit
	err = f.Follow(ctx, core.Position{Partition: at.Partition, Sequence: at.Sequence - 1}, 1, func(_ context.Context, b Batch) error {
		found = b.Commits[0]
		return errFound
	})
	switch {
	case !errors.Is(err, errFound):
		if err == nil {
			err = fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
		return core.Commit{}, err
	case found.Position != at:
		return core.Commit{}, fmt.Errorf("%w: the log holds no commit at %s", core.ErrNotFound, at)
	}
	return found, nil
}
