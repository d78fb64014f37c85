package projection

import (
	"context"
	"errors"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
)

// viewHandler folds the commits of one partition into one build of a view.
type viewHandler struct {
	*participant
	projector *Projector
	view      *core.ViewType
	build     core.ViewSpec
	partition int
}

var (
	_ follower.CommitHandler = (*viewHandler)(nil)
	_ follower.BatchListener = (*viewHandler)(nil)
)

func (p *Projector) newViewHandler(view *core.ViewType, build core.ViewSpec, partition int) *viewHandler {
	return &viewHandler{participant: &participant{batcher: p.batcher}, projector: p, view: view, build: build, partition: partition}
}

// applyFunc applies an update: in a transaction of its own, or in one with others.
type applyFunc func(context.Context, port.ProjectionUpdate) error

// Handle implements [follower.CommitHandler].
func (h *viewHandler) Handle(ctx context.Context, b follower.CommitBatch, c follower.Checkpointer) error {
	if len(b.Commits) <= maxSharedCommits {
		return h.foldBatch(ctx, b, c, h.apply)
	}
	return h.foldBatch(ctx, b, c, h.batcher.applySolo)
}

// foldBatch applies a batch as one transaction. If the store rejects its content, the batch is applied commit by commit, and
// the commit that is rejected then is parked.
func (h *viewHandler) foldBatch(ctx context.Context, b follower.CommitBatch, c follower.Checkpointer, apply applyFunc) error {
	fold := newBatchFold(h.view, b.Commits)
	err := h.transact(ctx, b, c, fold, fold.fold, apply)
	if err == nil || !isRejected(err) {
		return err
	}
	if len(b.Commits) == 1 {
		return h.transact(ctx, b, c, fold, fold.parkAll(err), h.batcher.applySolo)
	}
	for i := range b.Commits {
		if err := h.foldBatch(ctx, b.One(i), c, h.batcher.applySolo); err != nil {
			return err
		}
	}
	return nil
}

// isRejected reports whether a transaction with the same content would fail again.
func isRejected(err error) bool {
	return !errors.Is(err, port.ErrUnavailable) && !errors.Is(err, port.ErrFenced) && !errors.Is(err, context.Canceled)
}

// transact applies a batch and moves the checkpoint. fold is what the batch does to the view, or its variant that parks.
func (h *viewHandler) transact(ctx context.Context, b follower.CommitBatch, c follower.Checkpointer, batch *batchFold, fold port.FoldFunc, apply applyFunc) error {
	return c.Commit(ctx, b, func(ctx context.Context, u port.Update) error {
		u.Keys, u.Lanes = batch.keys(), batch.lanes
		return h.observed(ctx, len(b.Commits), batch, func(ctx context.Context) error {
			return apply(ctx, port.ProjectionUpdate{View: h.build, Update: u, Fold: fold})
		})
	})
}
