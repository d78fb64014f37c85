package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/cloudevents"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/retry"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

// Append implements [port.Appender]. Concurrent appends to one partition share a transaction.
func (l *Log) Append(ctx context.Context, expected core.Revision, c core.Commit) (core.Revision, error) {
	if err := ctx.Err(); err != nil {
		return core.Revision{}, fmt.Errorf("%w: %w", port.ErrUnavailable, err)
	}
	if err := c.Check(); err != nil {
		return core.Revision{}, err
	}
	ctx, span := tracing.Send(ctx, "postgresql", "events", c.Command.ID)
	if span.IsRecording() {
		c.Trace = tracing.FromContext(ctx)
	}
	revision, err := l.appendCommit(ctx, expected, c)
	tracing.End(span, err)
	return revision, err
}

func (l *Log) appendCommit(ctx context.Context, expected core.Revision, c core.Commit) (core.Revision, error) {
	c.Version = expected.Version + core.Version(len(c.Events))
	c.Previous = expected.Next()
	body, err := cloudevents.Encode(&c)
	if err != nil {
		return core.Revision{}, err
	}
	if len(body) > l.config.MaxCommit {
		return core.Revision{}, fmt.Errorf("%w: %s: %d bytes exceed the limit of %d; let the command append fewer or smaller events", port.ErrTooLarge, c.Stream, len(body), l.config.MaxCommit)
	}
	r := &appendRequest{expected: expected, commit: c, body: body}
	partition := l.partitionOf(c.Stream)
	inFlight, err := l.appends[partition].do(ctx, r, func(batch []*appendRequest) { l.writeBatch(ctx, partition, batch) })
	if err != nil {
		result := "nothing is written"
		if inFlight {
			result = "the result is unknown"
		}
		return core.Revision{}, fmt.Errorf("%w: append to %s: %s: %w", port.ErrUnavailable, c.Stream, result, err)
	}
	return r.revision, r.err
}

// appendRequest is one append, and its result when the transaction has ended.
type appendRequest struct {
	expected core.Revision
	commit   core.Commit
	body     []byte

	revision core.Revision
	err      error
}

const maxAppends = 256 // in one transaction

// writeBatch retries until the batch is written or the budget is spent. It ignores a cancellation of ctx, since the batch
// holds the appends of other callers too. A transaction with an unknown result is retried: a commit that was stored is
// found by its command id.
func (l *Log) writeBatch(ctx context.Context, partition int, batch []*appendRequest) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.config.AppendBudget)
	defer cancel()
	policy := retry.Policy{First: 10 * time.Millisecond, Max: time.Second}
	_, err := retry.Do(ctx, policy, func(ctx context.Context) (struct{}, error) {
		err := l.tryBatch(ctx, partition, batch)
		if err != nil && !errors.Is(err, port.ErrUnavailable) {
			err = retry.Permanent(err)
		}
		return struct{}{}, err
	})
	if err == nil {
		return
	}
	if len(batch) > 1 && !errors.Is(err, port.ErrUnavailable) && ctx.Err() == nil {
		for i := range batch { // one of them cannot be stored; the others may be
			l.writeBatch(ctx, partition, batch[i:i+1])
		}
		return
	}
	for _, r := range batch {
		if errors.Is(err, port.ErrUnavailable) || ctx.Err() != nil {
			r.err = fmt.Errorf("%w: append to %s: no answer in time, the result is unknown: %w", port.ErrUnavailable, r.commit.Stream, err)
		} else {
			r.err = fmt.Errorf("append to %s: %w", r.commit.Stream, err)
		}
	}
}
