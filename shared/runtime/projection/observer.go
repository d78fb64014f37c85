package projection

import (
	"context"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

// Observer receives the measurements of a [Projector]. Its methods are called concurrently and must not block.
type Observer interface {
	// Applied reports a transaction of a view: how many commits it covered, its duration, and its error. A failed
	// transaction is retried.
	Applied(ctx context.Context, view string, commits int, took time.Duration, err error)
}

// observed runs the transaction of a batch within the traces of its commits, and reports it to the observer.
func (h *viewHandler) observed(ctx context.Context, commits int, batch *batchFold, transact func(context.Context) error) error {
	started := time.Now()
	consumer := tracing.Consumer{System: h.projector.system, Name: h.view.Name, Destination: "events", Partition: h.partition}
	ctx, spans := consumer.ProcessCommits(ctx, batch.commits)
	err := transact(ctx)
	spans.End(err)
	h.projector.observer.Applied(ctx, h.view.Name, commits, time.Since(started), err)
	return err
}

// noObserver discards measurements.
type noObserver struct{}

var _ Observer = noObserver{}

func (noObserver) Applied(context.Context, string, int, time.Duration, error) {}
