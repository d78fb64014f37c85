package postgres

import "context"

const (
	readBatches   = 2  // statements in flight
	readBatchSize = 64 // reads in one of them
)

// readBatcher lets concurrent reads share statements.
type readBatcher[T any] struct {
	calls batcher[*readCall[T]]
}

func newReadBatcher[T any]() *readBatcher[T] {
	return &readBatcher[T]{batcher[*readCall[T]]{batches: readBatches, size: readBatchSize}}
}

type readCall[T any] struct {
	read *T
	err  error
	solo bool // the shared statement failed, perhaps because of another read: this one needs a statement of its own
}

// do returns when a statement, of this call or of another, has filled in read.
func (b *readBatcher[T]) do(ctx context.Context, read *T, statement func(context.Context, []*T) error) error {
	c := &readCall[T]{read: read}
	_, err := b.calls.do(ctx, c, func(batch []*readCall[T]) { runReads(ctx, batch, statement) })
	if err != nil {
		return err
	}
	if c.solo {
		return statement(ctx, []*T{read})
	}
	return c.err
}

// runReads runs the statement for a batch, with the context of its first read. A statement that fails because that context
// has ended, or because Postgres rejects the values of one read, has to be repeated for each of the others.
func runReads[T any](ctx context.Context, batch []*readCall[T], statement func(context.Context, []*T) error) {
	reads := make([]*T, len(batch))
	for i, c := range batch {
		reads[i] = c.read
	}
	err := statement(ctx, reads)
	shared := len(batch) > 1
	rejected, ended := err != nil && isRejected(err), err != nil && ctx.Err() != nil
	for i, c := range batch {
		c.err = err
		c.solo = shared && (rejected || ended && i > 0)
	}
}
