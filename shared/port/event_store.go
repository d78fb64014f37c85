package port

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Appender writes commits.
type Appender interface {
	// Append writes c as the next commit after expected and returns the stream's new revision. It sets c.Version, c.Position
	// and c.Previous. A repeated append, whose first answer was lost, returns the revision of the first: the commit after
	// expected then has the same c.Command (id and hash) and the same c.Time. The same command with another time is a
	// conflict, and the caller has to load the stream again.
	//
	// It returns [ErrConflict] where the stream does not have the expected revision, as [*ConflictError] where the versions
	// are known; [ErrTooLarge] for a commit above the log's limit; and [ErrUnavailable] where the log did not answer in
	// time, so that the result is unknown.
	Append(ctx context.Context, expected core.Revision, c core.Commit) (core.Revision, error)
}

// Reader reads streams.
type Reader interface {
	// Last returns the newest commit of s, or [ErrNoStream]. Messages behind it that are no commits are passed over. An answer of a replica may be slightly stale; appends are
	// still safe, because they compare revisions.
	Last(ctx context.Context, s core.Stream) (core.Commit, error)

	// LastConfirmed is Last answered by the log's leader: the answer includes every commit of s that was acknowledged
	// before the call. It adds load to the leader.
	LastConfirmed(ctx context.Context, s core.Stream) (core.Commit, error)

	// Since yields the commits of last.Stream with events above version after, oldest first, up to and including last.
	// Versions are contiguous; a gap ends the sequence with [core.ErrCorrupt].
	Since(ctx context.Context, after core.Version, last core.Commit) iter.Seq2[core.Commit, error]

	// Created returns the creation time of the partition of s, read when the log was opened. Another time means another
	// log: cached states and snapshots of the stream are then not valid.
	Created(s core.Stream) time.Time
}

// EventStore is the log as the command side uses it: streams.
type EventStore interface {
	Appender
	Reader
}

// Feed is the log as followers use it: partitions, each totally ordered.
type Feed interface {
	// Partitions returns the number of partitions, which is fixed when the log is created.
	Partitions() int

	// Head returns the end of a partition, or [ErrUnavailable].
	Head(ctx context.Context, partition int) (Head, error)

	// Follow calls handle with the commits after a position, in order, each at least once, and then waits for new ones. What is in
	// the log and is no readable commit is delivered as a commit with Err, so that positions move past it. A
	// batch holds 1 to maxBatch commits; Follow does not wait for a batch to fill. It returns nil when ctx ends, after
	// handle has returned; the error of handle; or [ErrUnavailable], after which the caller follows again from the last
	// handled position.
	Follow(ctx context.Context, after core.Position, maxBatch int, handle func(context.Context, Batch) error) error
}

// Head is the end of a partition.
type Head struct {
	Position core.Position // of the newest commit, or of what is no commit behind it; sequence 0 where the partition is empty
	Time     time.Time     // when the newest commit was written; zero where the partition is empty
	Created  time.Time     // when the partition was created: another time means another log
	// Uncertain: the leader that answered has not heard from enough replicas lately. Another one may have acknowledged commits
	// beyond Position.
	Uncertain bool

	Restoring bool // a restore into the log has begun and has not ended: see [Restorable]
}

// Batch is one delivery of a [Feed].
type Batch struct {
	Commits []core.Commit
	Pending uint64 // commits after this batch when its last commit was read; 0 means caught up
}

// Log is a whole log, as a service opens it.
type Log interface {
	EventStore
	Feed
}

// Read yields the commits of s with events above version after, oldest first; none for a stream without events. The errors
// are those of [Reader].
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

// CommitAt reads the commit at a position. A commit that is unreadable has its Err set. It returns [core.ErrNotFound]
// where the position holds no commit, or [ErrUnavailable].
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
