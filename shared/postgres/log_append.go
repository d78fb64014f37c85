package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"orchestrix/shared/es"
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
	r := &appendRequest{expected: expected, commit: c, body: body, done: make(chan struct{}), lead: make(chan struct{}, 1)}
	return l.writers[l.partitionOf(c.Stream)].append(ctx, r)
}

// appendRequest is an append that waits for its transaction.
type appendRequest struct {
	expected es.Revision
	commit   es.Commit
	body     []byte

	lead     chan struct{} // holds a token when this one has to write for all who wait
	done     chan struct{} // closed when revision and err say what came of it
	revision es.Revision
	err      error
}

// logWriter appends to one partition. The first who comes writes for itself and for all who have come by then; who came
// meanwhile is written by the first of them.
type logWriter struct {
	log       *Log
	partition int

	mu      sync.Mutex
	writing bool
	waiting []*appendRequest
}

const maxGroup = 256 // appends in one transaction

func (w *logWriter) append(ctx context.Context, r *appendRequest) (es.Revision, error) {
	w.mu.Lock()
	w.waiting = append(w.waiting, r)
	if !w.writing {
		w.writing = true
		r.lead <- struct{}{}
	}
	w.mu.Unlock()
	select {
	case <-r.done:
	case <-r.lead:
		w.write(ctx)
	case <-ctx.Done():
		return w.abandon(ctx, r)
	}
	return r.revision, r.err
}

// write writes the first of those who wait, and leaves the rest to one of them.
func (w *logWriter) write(ctx context.Context) {
	w.mu.Lock()
	n := min(len(w.waiting), maxGroup)
	group := w.waiting[:n:n]
	w.waiting = w.waiting[n:]
	w.mu.Unlock()
	w.log.writeGroup(ctx, w.partition, group)
	for _, r := range group {
		close(r.done)
	}
	w.passOn()
}

func (w *logWriter) passOn() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		w.writing = false
		return
	}
	w.waiting[0].lead <- struct{}{}
}

// abandon takes a request back that nobody has begun to write. Of one that is being written, the outcome is unknown.
func (w *logWriter) abandon(ctx context.Context, r *appendRequest) (es.Revision, error) {
	w.mu.Lock()
	begun := true
	for i, other := range w.waiting {
		if other == r {
			w.waiting = append(w.waiting[:i:i], w.waiting[i+1:]...)
			begun = false
			break
		}
	}
	w.mu.Unlock()
	select {
	case <-r.lead:
		w.passOn()
	default:
	}
	outcome := "nothing is written"
	if begun {
		outcome = "the outcome is unknown"
	}
	return es.Revision{}, fmt.Errorf("%w: append to %s: %s: %w", es.ErrUnavailable, r.commit.Stream, outcome, ctx.Err())
}

// writeGroup tries until the group is written or the budget is spent. A transaction whose outcome is not known is tried
// again: what has landed is found by its command.
func (l *Log) writeGroup(ctx context.Context, partition int, group []*appendRequest) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.config.AppendBudget)
	defer cancel()
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 10*time.Millisecond, time.Second
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := l.tryGroup(ctx, partition, group)
		if err != nil && !errors.Is(err, es.ErrUnavailable) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0))
	if err == nil {
		return
	}
	if len(group) > 1 && !errors.Is(err, es.ErrUnavailable) && ctx.Err() == nil {
		for i := range group { // one of them can't be stored; the others have no part in it
			l.writeGroup(ctx, partition, group[i:i+1])
		}
		return
	}
	for _, r := range group {
		if errors.Is(err, es.ErrUnavailable) || ctx.Err() != nil {
			r.err = fmt.Errorf("%w: append to %s: no answer in time, the outcome is unknown: %w", es.ErrUnavailable, r.commit.Stream, err)
		} else {
			r.err = fmt.Errorf("append to %s: %w", r.commit.Stream, err)
		}
	}
}
