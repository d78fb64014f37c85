package jetstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"

	"orchestrix/shared/es"
	"orchestrix/shared/tracing"
)

const (
	firstPause   = 20 * time.Millisecond  // before the second try; doubled each time
	longestPause = 500 * time.Millisecond // between two tries
)

// Errors of the server that the client library has no names for.
const (
	errCodeDuplicateInProcess jetstream.ErrorCode = 10158 // a message of this id is proposed and not yet stored
	errCodeHeaderTooLarge     jetstream.ErrorCode = 10097
)

// Append implements [es.Appender]. It publishes with the sequence that the stream must end with. An answer
// that does not come is not taken for a failure: the leader is asked whether the commit is there, and only if
// not is it published again, under the same message id and expectation. A first try that lands late, after a
// second one was sent, can't do harm: at most one of them meets its expectation.
//
// An end of ctx, or of the configured budget, leaves the outcome unknown: [es.ErrUnavailable].
func (l *Log) Append(ctx context.Context, expected es.Revision, c es.Commit) (es.Revision, error) {
	if err := c.Check(); err != nil {
		return es.Revision{}, err
	}
	c.Version = expected.Version + es.Version(len(c.Events))
	c.Previous = expected.Next()
	ctx, span := l.startSend(ctx, &c)
	revision, err := l.appendCommit(ctx, expected, c)
	tracing.End(span, err)
	return revision, err
}

// startSend starts the span of a commit that is published, and lets the commit carry it.
func (l *Log) startSend(ctx context.Context, c *es.Commit) (context.Context, trace.Span) {
	if !tracing.On(ctx) {
		return ctx, tracing.NoSpan
	}
	ctx, span := tracing.Send(ctx, "nats", l.streamName(l.partitionOf(c.Stream)), messageID(c))
	c.Trace = tracing.Of(ctx)
	return ctx, span
}

func (l *Log) appendCommit(ctx context.Context, expected es.Revision, c es.Commit) (es.Revision, error) {
	m, err := l.encode(expected, &c)
	if err != nil {
		return es.Revision{}, err
	}
	revision, err := l.appendWithin(ctx, expected, &c, m)
	l.note(ctx, l.partitionOf(c.Stream), err)
	if errors.Is(err, es.ErrConflict) {
		l.config.Observer.Conflict(c.Stream)
	}
	return revision, err
}

// appendWithin tries until there is an answer, or the budget is used up.
func (l *Log) appendWithin(ctx context.Context, expected es.Revision, c *es.Commit, m *nats.Msg) (es.Revision, error) {
	if err := ctx.Err(); err != nil {
		return es.Revision{}, unavailable("append to "+c.Stream.String(), err)
	}
	end := time.Now().Add(l.config.AppendBudget)
	revision, err := l.publish(ctx, end, expected, c, m)
	if !errors.Is(err, errTryAgain) {
		return revision, err
	}
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		if !sleep(ctx, pause/2+rand.N(pause/2)) {
			return es.Revision{}, fmt.Errorf("%w: append to %s: no answer in time, the outcome is unknown: %w: %w",
				es.ErrUnavailable, c.Stream, ctx.Err(), err)
		}
		l.config.Observer.Retry(c.Stream)
		if revision, err = l.publish(ctx, end, expected, c, m); !errors.Is(err, errTryAgain) {
			return revision, err
		}
	}
}

// errTryAgain says that the commit is not in the log as far as can be told, and may be published again.
var errTryAgain = errors.New("not in the log so far")

// publish tries once, and looks the outcome up where the answer leaves it open, until end.
func (l *Log) publish(ctx context.Context, end time.Time, expected es.Revision, c *es.Commit, m *nats.Msg) (es.Revision, error) {
	attempt, cancel := context.WithTimeout(ctx, min(l.config.AckTimeout, time.Until(end)))
	ack, err := l.publishOnce(attempt, m)
	cancel()
	if err == nil && !ack.Duplicate {
		l.steer.works()
		c.Position = es.Position{Partition: l.partitionOf(c.Stream), Sequence: ack.Sequence}
		return c.Revision(), nil
	}
	ctx, cancel = context.WithDeadline(ctx, end)
	defer cancel()
	if err == nil { // the message id is known: of this commit, or of the same command elsewhere in the stream
		l.steer.works()
		return l.landed(ctx, expected, c, conflict(expected, c, nil))
	}
	l.steer.failed(ctx, err)
	return l.unanswered(ctx, expected, c, err)
}

// unanswered makes what it can of a publish that brought no sequence.
func (l *Log) unanswered(ctx context.Context, expected es.Revision, c *es.Commit, err error) (es.Revision, error) {
	var refused *jetstream.APIError
	switch {
	case errors.As(err, &refused):
		return l.refused(ctx, expected, c, refused)
	case errors.Is(err, jetstream.ErrNoStreamResponse): // nobody listens: no leader, or a server that is starting
		return es.Revision{}, fmt.Errorf("%w: %w", errTryAgain, err)
	case errors.Is(err, nats.ErrMaxPayload): // reconnected to a server that takes less
		return es.Revision{}, fmt.Errorf("%w: %s: %w", es.ErrTooLarge, c.Stream, err)
	case errors.Is(err, nats.ErrConnectionClosed): // for good
		return es.Revision{}, unavailable("append to "+c.Stream.String(), err)
	}
	l.config.Observer.AmbiguousAck(c.Stream)
	return l.landed(ctx, expected, c, fmt.Errorf("%w: %w", errTryAgain, err))
}

// refused handles an answer that is a "no".
func (l *Log) refused(ctx context.Context, expected es.Revision, c *es.Commit, refusal *jetstream.APIError) (es.Revision, error) {
	switch refusal.ErrorCode {
	case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		return l.afterConflict(ctx, expected, c, refusal)
	case errCodeDuplicateInProcess: // an earlier try of ours is being replicated
		return es.Revision{}, fmt.Errorf("%w: %w", errTryAgain, refusal)
	case jetstream.JSErrCodeStreamMessageExceedsMaximum, errCodeHeaderTooLarge:
		return es.Revision{}, fmt.Errorf("%w: %s: %w", es.ErrTooLarge, c.Stream, refusal)
	default: // no room, no such stream, JetStream is off
		return es.Revision{}, unavailable("append to "+c.Stream.String(), refusal)
	}
}

// afterConflict tells another's commit in the place of ours from our own, written by a try whose answer was
// lost, and from one that is still being replicated: the leader then refuses on account of what nobody can
// read yet.
func (l *Log) afterConflict(ctx context.Context, expected es.Revision, c *es.Commit, cause error) (es.Revision, error) {
	revision, err := l.landed(ctx, expected, c, errNoMessage)
	if errors.Is(err, es.ErrConflict) {
		return revision, fmt.Errorf("%w: %w", err, cause)
	}
	if !errors.Is(err, errNoMessage) {
		return revision, err
	}
	last, err := l.LastConfirmed(ctx, c.Stream)
	switch {
	case err != nil && !errors.Is(err, es.ErrNoStream):
		return es.Revision{}, fmt.Errorf("%w: %w", errTryAgain, err)
	case last.Position.Sequence == expected.Position.Sequence:
		return es.Revision{}, fmt.Errorf("%w: %w", errTryAgain, cause)
	default: // the expected revision is not one of this stream
		return es.Revision{}, conflictAt(last.Version, expected, c, cause)
	}
}

// landed asks the leader for the commit after expected. It returns its revision where it is this very commit,
// [es.ErrConflict] where it is another, and the error otherwise where there is none.
func (l *Log) landed(ctx context.Context, expected es.Revision, c *es.Commit, otherwise error) (es.Revision, error) {
	partition := l.partitionOf(c.Stream)
	m, err := l.getFromLeader(ctx, partition, leaderRequest{Sequence: expected.Position.Sequence + 1, NextFor: l.subjectOf(c.Stream)})
	if errors.Is(err, errNoMessage) {
		return es.Revision{}, otherwise
	}
	if err != nil {
		return es.Revision{}, fmt.Errorf("%w: look the outcome up: %w", errTryAgain, err)
	}
	next, err := l.decode(partition, m)
	if err != nil {
		return es.Revision{}, err
	}
	if next.Command == c.Command && next.Time.Equal(c.Time) && next.First() == expected.Version+1 {
		return next.Revision(), nil
	}
	return es.Revision{}, conflictAt(next.Version, expected, c, fmt.Errorf("version %d at %s is there", next.First(), next.Position))
}

// conflictAt is the conflict with a stream that has at least this version.
func conflictAt(actual es.Version, expected es.Revision, c *es.Commit, cause error) error {
	return &es.ConflictError{Stream: c.Stream, Expected: expected.Version, Actual: actual, Cause: cause}
}

func conflict(expected es.Revision, c *es.Commit, cause error) error {
	if cause == nil {
		return fmt.Errorf("append to %s after version %d: %w", c.Stream, expected.Version, es.ErrConflict)
	}
	return fmt.Errorf("append to %s after version %d: %w: %w", c.Stream, expected.Version, es.ErrConflict, cause)
}
