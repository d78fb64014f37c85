package port

import (
	"cmp"
	"context"
	"encoding/json"
	"orchestrix/shared/core"
	"time"
)

// ViewWriter keeps views up to date.
type ViewWriter interface {
	// Prepare creates what a build of the view needs, and makes it the active one where the view has none.
	// Several services may prepare at once.
	Prepare(ctx context.Context, view core.ViewSpec) error

	// Claim takes the lease of (build, partition) for ttl and returns it with the checkpoint to go on from.
	// It returns [ErrLeased] while another owner holds it, or while the view is paused.
	Claim(ctx context.Context, view core.ViewSpec, partition int, owner string, ttl time.Duration) (Checkpoint, error)

	// Renew extends leases by ttl from now, and notes when each was caught up, as [Update.CaughtUp] says. It returns the
	// leases that are still held; a missing one was taken over.
	Renew(ctx context.Context, leases []Lease, caughtUp []time.Time, ttl time.Duration) ([]Lease, error)

	// Release gives leases up, so that another worker need not wait for their end.
	Release(ctx context.Context, leases []Lease) error

	// Join says that this worker lives for ttl from now, and returns how many of its kind do.
	Join(ctx context.Context, kind WorkerKind, owner string, ttl time.Duration) (workers int, err error)

	// Leave says that the worker is gone.
	Leave(ctx context.Context, owner string) error

	// Apply is one transaction of a projection: it reads the documents of u.Keys, locking those of a shared
	// view, hands them to fold, writes what fold returns, and moves the checkpoint from u.From to u.To.
	// It returns [ErrFenced], with nothing written, if the lease or the checkpoint is no longer as u says.
	// fold may be called again where the transaction is retried.
	Apply(ctx context.Context, view core.ViewSpec, u Update, fold FoldFunc) error

	// ApplyTogether is one transaction of several projections, each of another partition or build: all of them are
	// applied, or none. Those of one build are applied one after the other, in the order of their partitions: a fold
	// finds what those before it have left behind. It gives up soon where another transaction is in the way, and does
	// not say whose fault an error is: whoever calls it then applies each by itself.
	ApplyTogether(ctx context.Context, all []Application) error
}

// Application is what [ViewWriter.Apply] takes.
type Application struct {
	View   core.ViewSpec
	Update Update
	Fold   FoldFunc
}

// Compare orders applications by build and partition.
func (a Application) Compare(b Application) int {
	return cmp.Or(a.View.Build().Compare(b.View.Build()), cmp.Compare(a.Update.Lease.Partition, b.Update.Lease.Partition))
}

// WorkerKind says what workers share among each other.
type WorkerKind string

// The kinds of workers.
const (
	ProjectionWorker WorkerKind = "projection"
	ProcessWorker    WorkerKind = "process"
)

// Checkpoint is how far a build of a view has followed a partition.
type Checkpoint struct {
	core.Build
	Position core.Position // all commits up to here are in the view, or parked
	// Mark tells the log, and the commit at Position, from any other.
	Mark LogMark
	// CaughtUp is when the projection last knew that the partition held nothing newer.
	CaughtUp time.Time
	Lease    Lease
}

// LogMark says on which log a checkpoint stands: a log that was replaced or rewritten gives another one.
type LogMark struct {
	Created time.Time // when the partition was created; zero where nothing was applied yet
	Commit  []byte    // [core.Commit.Digest] of the commit at the checkpoint
}

// Lease is the right to write one build of a view from one partition. It is kept by renewing it, and it is
// fenced: once another worker has taken it, nothing is written under the old Epoch.
type Lease struct {
	core.Build
	Partition int
	Owner     string
	Epoch     int64 // rises with each new owner
	Until     time.Time
}

// Update is what one transaction of a projection covers.
type Update struct {
	Lease    Lease
	From, To core.Position
	Mark     LogMark // of To
	// CaughtUp is when nothing newer was in the partition, as this process has it; zero: there is something. A store has a
	// clock of its own, and notes how long ago that was.
	CaughtUp time.Time
	// Keys are the documents that may be there and may change, each once, in order; of a shared view, all that may change.
	Keys []DocumentKey
	// Lanes are where events of this batch may have to wait, each once. It is only called where events of the build wait;
	// nil is none.
	Lanes func() []Lane
}

// FoldFunc turns what is there into what is to be written.
type FoldFunc func(current Current) (FoldResult, error)

// Current is what a fold finds.
type Current struct {
	Documents map[DocumentKey]json.RawMessage // a key that has no document is missing
	Waiting   map[Lane]bool                   // the lanes in which events wait
}

// Add notes what a fold has left behind, for the next one in the same transaction.
func (c Current) Add(o FoldResult) {
	for _, w := range o.Writes {
		if w.Data == nil {
			delete(c.Documents, w.DocumentKey)
		} else {
			c.Documents[w.DocumentKey] = w.Data
		}
	}
	for _, p := range o.Parked {
		c.Waiting[p.Lane] = true
	}
}

// Outcome is what a fold leaves behind.
type FoldResult struct {
	Writes []DocumentWrite
	Parked []Parking // in the order of the log
}

// DocumentWrite is a document that may have changed; a nil Data removes it. What is as it was keeps its position.
type DocumentWrite struct {
	DocumentKey
	Position core.Position
	Data     json.RawMessage
}
