package jetstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orchestrix/shared/es"
)

const (
	firstPause  = 20 * time.Millisecond  // before the second try; doubled each time
	longestWait = 500 * time.Millisecond // between two tries
)

// Append implements [es.Appender]. It publishes with the sequence that the stream must end with. An answer
// that does not come is not taken for a failure: the stream is read from the leader to see whether the commit
// is there, and only if not is it published again, under the same message id and expectation.
func (l *Log) Append(ctx context.Context, expected es.Revision, c es.Commit) (es.Revision, error) {
	if err := c.Stream.Check(); err != nil {
		return es.Revision{}, err
	}
	c.Version = expected.Version + es.Version(len(c.Events))
	c.Previous = expected.Next()
	m, err := l.encode(expected, &c)
	if err != nil {
		return es.Revision{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.config.AppendBudget)
	defer cancel()
	wait := firstPause
	for {
		revision, err := l.publish(ctx, expected, &c, m)
		if err == nil || !errors.Is(err, errTryAgain) {
			l.note(err)
			return revision, err
		}
		select {
		case <-ctx.Done():
			err = fmt.Errorf("%w: %s: no answer within the budget, the outcome is unknown: %w", es.ErrUnavailable, c.Stream, err)
			l.note(err)
			return es.Revision{}, err
		case <-time.After(wait/2 + rand.N(wait/2)):
			wait = min(2*wait, longestWait)
		}
	}
}

// note remembers whether the log answers appends, for readiness.
func (l *Log) note(err error) {
	if errors.Is(err, es.ErrUnavailable) {
		l.failedAt.Store(time.Now().UnixNano())
	} else {
		l.failedAt.Store(0)
	}
}

// errTryAgain says that the commit is not in the log as far as can be told, and may be published again.
var errTryAgain = errors.New("no answer")

// publish tries once, and looks the outcome up where the answer leaves it open.
func (l *Log) publish(ctx context.Context, expected es.Revision, c *es.Commit, m *nats.Msg) (es.Revision, error) {
	attempt, cancel := context.WithTimeout(ctx, l.config.AckTimeout)
	ack, err := l.js.PublishMsg(attempt, m, jetstream.WithRetryAttempts(0))
	cancel()
	if err == nil && !ack.Duplicate {
		c.Position = es.Position{Partition: l.partitionOf(c.Stream), Sequence: ack.Sequence}
		return c.Revision(), nil
	}
	var api *jetstream.APIError
	switch {
	case err == nil: // the message id is known, which may be this commit or another of the same command
		return l.landed(ctx, expected, c, es.ErrConflict)
	case !errors.As(err, &api): // nobody answered
		return l.landed(ctx, expected, c, fmt.Errorf("%w: %w", errTryAgain, err))
	case api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence,
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		return l.landed(ctx, expected, c, es.ErrConflict)
	case api.ErrorCode == jetstream.JSErrCodeStreamMessageExceedsMaximum:
		return es.Revision{}, fmt.Errorf("%w: %s: %w", es.ErrTooLarge, c.Stream, err)
	default: // no space, no leader, no such stream
		return es.Revision{}, fmt.Errorf("%w: append to %s: %w", es.ErrUnavailable, c.Stream, err)
	}
}

// landed returns the revision of the commit where it is in the log after all, and otherwise the error that
// says what follows: [es.ErrConflict] where another commit took its place.
func (l *Log) landed(ctx context.Context, expected es.Revision, c *es.Commit, otherwise error) (es.Revision, error) {
	last, err := l.LastConfirmed(ctx, c.Stream)
	switch {
	case errors.Is(err, es.ErrNoStream):
		return es.Revision{}, wrapConflict(c, otherwise)
	case errors.Is(err, es.ErrUnavailable):
		return es.Revision{}, fmt.Errorf("%w: %w", errTryAgain, err)
	case err != nil:
		return es.Revision{}, err
	case last.Version <= expected.Version:
		return es.Revision{}, wrapConflict(c, otherwise)
	}
	for next, err := range l.Since(ctx, expected.Version, last) {
		if errors.Is(err, es.ErrUnavailable) {
			return es.Revision{}, fmt.Errorf("%w: %w", errTryAgain, err)
		}
		if err != nil {
			return es.Revision{}, err
		}
		if next.Command == c.Command && next.First() == expected.Version+1 {
			return next.Revision(), nil
		}
		break // only the commit right after expected can be ours
	}
	return es.Revision{}, wrapConflict(c, es.ErrConflict)
}

func wrapConflict(c *es.Commit, err error) error {
	return fmt.Errorf("append to %s: %w", c.Stream, err)
}
