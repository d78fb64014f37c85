package follower

import (
	"context"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// CommitHandler handles the commits of one partition of a build.
type CommitHandler interface {
	// Handle handles the commits of b in their order. It passes them to c.Commit, all together or in consecutive parts, which
	// moves the checkpoint in the same transaction as their effects. Effects outside of that transaction must be idempotent:
	// after an error, or a crash, the commits after the checkpoint are handled again. ctx ends when the lease is to be
	// released.
	Handle(ctx context.Context, b CommitBatch, c Checkpointer) error
}

// Checkpointer moves the checkpoint of a partition.
type Checkpointer interface {
	// Commit calls transact with the move of the checkpoint to the last commit of b. transact stores it in one transaction
	// with the effects of b; its ctx is not cancelled. Commit returns [port.ErrFenced] if the lease is lost, and the error of
	// transact.
	Commit(ctx context.Context, b CommitBatch, transact func(ctx context.Context, u port.Update) error) error
}

// BatchListener is a [CommitHandler] that learns of batches before it is called with them. Its methods must not block.
type BatchListener interface {
	// ExpectBatch announces a call of Handle with a batch of this many commits; 0 is unknown.
	ExpectBatch(commits int)
	// ExpectNoBatch announces that no batch is ready: the follower waits for new commits, or has stopped.
	ExpectNoBatch()
}

type noListener struct{}

func (noListener) ExpectBatch(int) {}
func (noListener) ExpectNoBatch()  {}

func listenerOf(h CommitHandler) BatchListener {
	if l, ok := h.(BatchListener); ok {
		return l
	}
	return noListener{}
}

// CommitBatch holds consecutive commits of a partition, at least one.
type CommitBatch struct {
	Commits []*DecodedCommit
	Pending uint64    // number of commits that followed in the partition when it was read
	ReadAt  time.Time // when it was read

	// Claimed is the end of the partition when the lease was taken. Commits up to there may have been handled before, by the
	// holder of the lease before this one.
	Claimed core.Position
}

// One returns a batch that holds only the commit at index i.
func (b CommitBatch) One(i int) CommitBatch {
	b.Pending += uint64(len(b.Commits) - i - 1)
	b.Commits = b.Commits[i : i+1]
	return b
}

func (b CommitBatch) last() *core.Commit { return &b.Commits[len(b.Commits)-1].Commit }

// caughtUp returns when the partition held nothing after the batch; zero if it did.
func (b CommitBatch) caughtUp() time.Time {
	if b.Pending > 0 {
		return time.Time{}
	}
	return b.ReadAt
}
