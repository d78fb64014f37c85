package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orchestrix/shared/es"
	"orchestrix/shared/retry"
	"orchestrix/shared/tracing"
)

// Append implements [es.Appender]. Appends to one partition that come at the same time share one transaction.
func (l *Log) Append(ctx context.Context, expected es.Revision, c es.Commit) (es.Revision, error) {
	if err := ctx.Err(); err != nil {
		return es.Revision{}, fmt.Errorf("%w: %w", es.ErrUnavailable, err)
	}
	if err := c.Check(); err != nil {
		return es.Revision{}, err
	}
	ctx, span := tracing.Send(ctx, "postgresql", "events", c.Command.ID)
	if span.IsRecording() {
		c.Trace = tracing.Of(ctx)
	}
	revision, err := l.appendCommit(ctx, expected, c)
	tracing.End(span, err)
	return revision, err
}

func (l *Log) appendCommit(ctx context.Context, expected es.Revision, c es.Commit) (es.Revision, error) {
	c.Version = expected.Version + es.Version(len(c.Events))
	c.Previous = expected.Next()
	body, err := es.EncodeEvents(&c)
	if err != nil {
		return es.Revision{}, err
	}
	if len(body) > l.config.MaxCommit {
		return es.Revision{}, fmt.Errorf("%w: %s: %d bytes, the log takes %d; make the command do less", es.ErrTooLarge, c.Stream, len(body), l.config.MaxCommit)
	}
	r := &appendRequest{expected: expected, commit: c, body: body}
	partition := l.partitionOf(c.Stream)
	inFlight, err := l.appends[partition].do(ctx, r, func(batch []*appendRequest) { l.writeBatch(ctx, partition, batch) })
	if err != nil {
		result := "nothing is written"
		if inFlight {
			result = "the result is unknown"
		}
		return es.Revision{}, fmt.Errorf("%w: append to %s: %s: %w", es.ErrUnavailable, c.Stream, result, err)
	}
	return r.revision, r.err
}

// appendRequest is one append, and its result when the transaction has ended.
type appendRequest struct {
	expected es.Revision
	commit   es.Commit
	body     []byte

	revision es.Revision
	err      error
}

const maxAppends = 256 // in one transaction

// writeBatch tries until the batch is written or the budget is spent, even where ctx ends: it holds the appends of other
// callers too. A transaction whose result is unknown is tried again: a commit that has landed is found by its command.
func (l *Log) writeBatch(ctx context.Context, partition int, batch []*appendRequest) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.config.AppendBudget)
	defer cancel()
	policy := retry.Policy{First: 10 * time.Millisecond, Max: time.Second}
	_, err := retry.Do(ctx, policy, func(ctx context.Context) (struct{}, error) {
		err := l.tryBatch(ctx, partition, batch)
		if err != nil && !errors.Is(err, es.ErrUnavailable) {
			err = retry.Permanent(err)
		}
		return struct{}{}, err
	})
	if err == nil {
		return
	}
	if len(batch) > 1 && !errors.Is(err, es.ErrUnavailable) && ctx.Err() == nil {
		for i := range batch { // one of them cannot be stored; the others may be
			l.writeBatch(ctx, partition, batch[i:i+1])
		}
		return
	}
	for _, r := range batch {
		if errors.Is(err, es.ErrUnavailable) || ctx.Err() != nil {
			r.err = fmt.Errorf("%w: append to %s: no answer in time, the result is unknown: %w", es.ErrUnavailable, r.commit.Stream, err)
		} else {
			r.err = fmt.Errorf("append to %s: %w", r.commit.Stream, err)
		}
	}
}
