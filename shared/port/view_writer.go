package port

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// ViewWriter writes documents and checkpoints for projections.
type ViewWriter interface {
	// Prepare creates the tables of a build, and activates the build where the view has none. Several services may call
	// Prepare concurrently.
	Prepare(ctx context.Context, view core.ViewSpec) error

	// Claim acquires the lease of (build, partition) for ttl and returns it with the checkpoint from which to continue. It
	// returns [ErrLeased] while another owner holds the lease, or while the view is paused.
	Claim(ctx context.Context, view core.ViewSpec, partition int, owner string, ttl time.Duration) (Checkpoint, error)

	// Renew extends leases by ttl from now and records when each was caught up, see [Update.CaughtUp]. It returns the leases
	// that are still held; a missing one was taken over.
	Renew(ctx context.Context, leases []Lease, caughtUp []time.Time, ttl time.Duration) ([]Lease, error)

	// Release ends leases early, so that other workers need not wait for their expiry.
	Release(ctx context.Context, leases []Lease) error

	// Join registers this worker for ttl from now, and returns the number of live workers of its kind.
	Join(ctx context.Context, kind WorkerKind, owner string, ttl time.Duration) (workers int, err error)

	// Leave removes the worker's registration.
	Leave(ctx context.Context, owner string) error

	// Apply is one transaction of a projection: it reads the documents of u.Keys (with locks for a shared view), calls fold
	// with them, writes the result, and moves the checkpoint from u.From to u.To. It returns [ErrFenced], with nothing
	// written, where the lease or the checkpoint differs from u. fold is called again when the transaction is retried.
	Apply(ctx context.Context, view core.ViewSpec, u Update, fold FoldFunc) error

	// ApplyTogether is one transaction of several projections, each of another partition or build: all are applied, or none.
	// Those of one build are applied sequentially, in the order of their partitions, so that a fold sees the writes of
	// those before. It fails soon where another transaction holds a lock. An error does not identify the failed
	// projection: the caller then calls Apply for each.
	ApplyTogether(ctx context.Context, all []ProjectionUpdate) error
}

// ProjectionUpdate holds the arguments of one [ViewWriter.Apply].
type ProjectionUpdate struct {
	View   core.ViewSpec
	Update Update
	Fold   FoldFunc
}

// Compare orders updates by build and partition.
func (a ProjectionUpdate) Compare(b ProjectionUpdate) int {
	return cmp.Or(a.View.Build().Compare(b.View.Build()), cmp.Compare(a.Update.Lease.Partition, b.Update.Lease.Partition))
}

// WorkerKind is the kind of work that workers share.
type WorkerKind string

// The kinds of workers.
const (
	ProjectionWorker WorkerKind = "projection"
	ProcessWorker    WorkerKind = "process"
)

// Checkpoint is the progress of a build in a partition.
type Checkpoint struct {
	core.Build
	Position core.Position // all commits up to here are in the view, or parked
	// Mark identifies the log and the commit at Position.
	Mark LogMark
	// CaughtUp is the last time at which the partition held no newer commit.
	CaughtUp time.Time
	Lease    Lease
}

// LogMark identifies the log of a checkpoint: a log that was replaced or rewritten has another one.
type LogMark struct {
	Created time.Time // when the partition was created; zero before the first commit
	Commit  []byte    // [core.Commit.Digest] of the commit at the checkpoint
}

// Lease is the right to write one build of a view from one partition. It expires unless it is renewed. It is fenced: after
// another worker has acquired it, writes with the old Epoch fail.
type Lease struct {
	core.Build
	Partition int
	Owner     string
	Epoch     int64 // rises with each new owner
	Until     time.Time
}

// Update describes one transaction of a projection.
type Update struct {
	Lease    Lease
	From, To core.Position
	Mark     LogMark // of To
	// CaughtUp is the time, by this process's clock, at which the partition held no newer commit; zero where it holds one.
	// The store converts it to its own clock.
	CaughtUp time.Time
	// Keys are the documents that may exist and may change, each once, in order; of a shared view, all that may change.
	Keys []DocumentKey
	// Lanes returns the lanes that events of this batch belong to, each once; nil is none. It is called only where the build
	// has parked events.
	Lanes func() []Lane
}

// FoldFunc computes the writes of a transaction from the current documents.
type FoldFunc func(current FoldInput) (FoldResult, error)

// FoldInput is the input of a [FoldFunc].
type FoldInput struct {
	Documents map[DocumentKey]json.RawMessage // without the keys that have no document
	Waiting   map[Lane]bool                   // the lanes with parked events
}

// Add applies the result of a fold, for the next fold in the same transaction.
func (c FoldInput) Add(result FoldResult) {
	for _, w := range result.Writes {
		if w.Data == nil {
			delete(c.Documents, w.DocumentKey)
		} else {
			c.Documents[w.DocumentKey] = w.Data
		}
	}
	for _, p := range result.Parked {
		c.Waiting[p.Lane] = true
	}
}

// FoldResult is the result of a [FoldFunc].
type FoldResult struct {
	Writes []DocumentWrite
	Parked []Parking // in the order of the log
}

// DocumentWrite is a document to write; a nil Data removes the document. A document whose Data is unchanged keeps its position.
type DocumentWrite struct {
	DocumentKey
	Position core.Position
	Data     json.RawMessage
}
