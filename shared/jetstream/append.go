package jetstream

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

// Errors of the server that the client library does not name.
const (
	errCodeDuplicateInProcess jetstream.ErrorCode = 10158 // a message with this id is proposed and not yet stored
	errCodeHeaderTooLarge     jetstream.ErrorCode = 10097
)

// pendingCommit is a commit that is being appended, with what each attempt needs, computed once.
type pendingCommit struct {
	core.Commit
	location
	expected  core.Revision
	last      uint64 // sequence with which the subject must end: of the expected revision, or of noise after it
	messageID string
	message   *nats.Msg
	end       time.Time // of the append's budget
}

// Append implements [port.Appender]. It publishes the commit with the sequence that the stream must end with. A missing
// answer is not a failure: the leader is asked whether it has the commit, and only if not is the commit published again,
// with the same message id and expectation. An attempt that arrives late, after another was sent, is harmless: at most
// one of them meets the expectation.
//
// If ctx or the configured budget ends first, the result is unknown: [port.ErrUnavailable].
func (l *Log) Append(ctx context.Context, expected core.Revision, c core.Commit) (revision core.Revision, err error) {
	p := &pendingCommit{Commit: c, expected: expected}
	if err := p.Check(); err != nil {
		return core.Revision{}, err
	}
	p.Version = expected.Version + core.Version(len(c.Events))
	p.Previous = expected.Next()
	p.location, p.messageID = l.locate(c.Stream), messageID(&p.Commit)
	p.last = expected.Position.Sequence
	if known := l.noisy.of(p.subject); known.last != 0 && known.after == p.last {
		p.last = known.last
	}
	ctx, span := l.startSend(ctx, p)
	defer func() { tracing.End(span, err) }()
	if p.message, err = l.encode(p); err != nil {
		return core.Revision{}, err
	}
	revision, err = l.appendWithin(ctx, p)
	l.recordAppend(ctx, p.partition, err)
	if errors.Is(err, port.ErrConflict) {
		l.config.Observer.Conflict(p.Stream)
	}
	return revision, err
}

// startSend starts the span of a commit that is published, and stores its trace in the commit.
func (l *Log) startSend(ctx context.Context, p *pendingCommit) (context.Context, trace.Span) {
	if !tracing.Recording(ctx) {
		return ctx, tracing.NoSpan
	}
	ctx, span := tracing.Send(ctx, "nats", l.streamName(p.partition), p.messageID)
	p.Trace = tracing.FromContext(ctx)
	return ctx, span
}

// appendWithin makes attempts until one has a definite result, or the budget is spent.
func (l *Log) appendWithin(ctx context.Context, p *pendingCommit) (core.Revision, error) {
	if err := ctx.Err(); err != nil {
		return core.Revision{}, p.unavailable(err)
	}
	p.end = time.Now().Add(l.config.AppendBudget)
	for attempt := 1; ; attempt++ {
		revision, err := l.appendOnce(ctx, p)
		if !errors.Is(err, errTryAgain) {
			return revision, err
		}
		if errors.Is(err, errNoiseFollows) && ctx.Err() == nil && time.Now().Before(p.end) {
			continue
		}
		if !pauseUntil(ctx, writePauses.Pause(attempt), p.end) {
			return core.Revision{}, fmt.Errorf("%w: append to %s: no answer in time, the result is unknown: %w: %w",
				port.ErrUnavailable, p.Stream, cmp.Or(ctx.Err(), context.DeadlineExceeded), err)
		}
		l.config.Observer.Retry(p.Stream)
	}
}

// errTryAgain: the commit is not in the log as far as is known, and may be published again.
var errTryAgain = errors.New("not in the log so far")

// errNoiseFollows: only messages that are no commits follow the expected revision; the commit is published again with the last of
// them as the expected end.
var errNoiseFollows = fmt.Errorf("%w: messages that are no commits follow the expected revision", errTryAgain)

// appendOnce publishes once. If the answer is missing or ambiguous, it reads the result from the leader.
func (l *Log) appendOnce(ctx context.Context, p *pendingCommit) (core.Revision, error) {
	if err := l.checkNotRestoring(ctx, p.partition); err != nil {
		return core.Revision{}, fmt.Errorf("%w: %w", errTryAgain, err)
	}
	answering, cancel := l.answerContext(ctx, p.end)
	ack, err := publishOver(answering, l.writer, p.message)
	cancel()
	if err == nil && !ack.Duplicate {
		l.writes.succeeded()
		l.noisy.forget(p.subject)
		l.used[p.partition].Store(true)
		p.Position = core.Position{Partition: p.partition, Sequence: ack.Sequence}
		return p.Revision(), nil
	}
	ctx, cancel = context.WithDeadline(ctx, p.end)
	defer cancel()
	if err == nil {
		l.writes.succeeded()
		return l.resolveDuplicate(ctx, p, ack.Sequence)
	}
	l.writes.failed(ctx, err)
	return l.resolveError(ctx, p, err)
}

// resolveDuplicate finds the result of a publish whose message id the server knows. The id is this commit's, or that of the same
// command elsewhere in the stream, which is a conflict, or any client has used it: the commit then gets a fresh one.
func (l *Log) resolveDuplicate(ctx context.Context, p *pendingCommit, sequence uint64) (core.Revision, error) {
	revision, err := l.findResult(ctx, p, errNoMessage)
	if !errors.Is(err, errNoMessage) {
		return revision, err
	}
	m, err := l.getFromLeader(ctx, p.partition, getRequest{Sequence: sequence})
	switch {
	case err != nil && !errors.Is(err, errNoMessage):
		return core.Revision{}, fmt.Errorf("%w: read the message with the same id: %w", errTryAgain, err)
	case err == nil:
		if known, err := l.decodeAt(p.location, m); err == nil && known.Stream == p.Stream && known.Command.ID == p.Command.ID {
			return core.Revision{}, p.conflict()
		}
	}
	p.message.Header.Set(jetstream.MsgIDHeader, p.messageID+"/"+rand.Text())
	return core.Revision{}, fmt.Errorf("%w: message %d-%d, which is another commit or none, has its message id", errTryAgain, p.partition, sequence)
}

// resolveError finds the result of a publish that returned no sequence.
func (l *Log) resolveError(ctx context.Context, p *pendingCommit, err error) (core.Revision, error) {
	var refused *jetstream.APIError
	switch {
	case errors.As(err, &refused):
		return l.resolveRefusal(ctx, p, refused)
	case errors.Is(err, jetstream.ErrNoStreamResponse): // no leader, or a server that is starting
		return core.Revision{}, fmt.Errorf("%w: %w", errTryAgain, err)
	case errors.Is(err, nats.ErrMaxPayload): // reconnected to a server with a smaller limit
		return core.Revision{}, fmt.Errorf("%w: %s: %w", port.ErrTooLarge, p.Stream, err)
	case errors.Is(err, nats.ErrConnectionClosed): // permanently
		return core.Revision{}, p.unavailable(err)
	}
	l.config.Observer.AmbiguousAck(p.Stream)
	if refused := l.missingRight(p); refused != nil {
		return core.Revision{}, p.unavailable(refused)
	}
	return l.findResult(ctx, p, fmt.Errorf("%w: %w", errTryAgain, err))
}

// missingRight returns an error if NATS has refused the commit because its user may not publish it. NATS does not answer such a
// publish: it reports the subject to the connection, which keeps the last report.
func (l *Log) missingRight(p *pendingCommit) error {
	err := l.writer.LastError()
	if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), strconv.Quote(p.subject)) {
		return nil
	}
	return fmt.Errorf("this user of NATS may not append to category %s: run 'keys renew' of this version, and make NATS reload its list of rights: %w",
		p.Stream.Category, err)
}

// resolveRefusal handles an error that the server answered.
func (l *Log) resolveRefusal(ctx context.Context, p *pendingCommit, refusal *jetstream.APIError) (core.Revision, error) {
	switch refusal.ErrorCode {
	case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		return l.resolveConflict(ctx, p, refusal)
	case errCodeDuplicateInProcess: // an earlier attempt is being replicated
		return core.Revision{}, fmt.Errorf("%w: %w", errTryAgain, refusal)
	case jetstream.JSErrCodeStreamMessageExceedsMaximum, errCodeHeaderTooLarge:
		return core.Revision{}, fmt.Errorf("%w: %s: %w", port.ErrTooLarge, p.Stream, refusal)
	default: // no room, no such stream, JetStream is off
		return core.Revision{}, p.unavailable(refusal)
	}
}

// resolveConflict distinguishes three causes of a wrong last sequence: another writer's commit, this very commit, stored
// by an attempt whose answer was lost, and a commit that is still being replicated: the leader refuses because of it, and
// no reader sees it yet.
func (l *Log) resolveConflict(ctx context.Context, p *pendingCommit, cause error) (core.Revision, error) {
	revision, err := l.findResult(ctx, p, errNoMessage)
	if errors.Is(err, port.ErrConflict) {
		return revision, fmt.Errorf("%w: %w", err, cause)
	}
	if !errors.Is(err, errNoMessage) {
		return revision, err
	}
	last, err := l.lastCommit(ctx, p.location, l.getLastConfirmed)
	switch {
	case err != nil && !errors.Is(err, port.ErrNoStream):
		return core.Revision{}, fmt.Errorf("%w: %w", errTryAgain, err)
	case last.Position.Sequence == p.expected.Position.Sequence:
		return core.Revision{}, fmt.Errorf("%w: %w", errTryAgain, cause)
	default: // the stream never had the expected revision
		return core.Revision{}, p.conflictAt(last.Version, cause)
	}
}

// findResult asks the leader for the commit after the expected revision. It returns its revision if it is this very
// commit, [port.ErrConflict] if it is another, and otherwise if there is none.
func (l *Log) findResult(ctx context.Context, p *pendingCommit, otherwise error) (core.Revision, error) {
	m, err := l.getFromLeader(ctx, p.partition, getRequest{Sequence: p.last + 1, NextFor: p.subject})
	if errors.Is(err, errNoMessage) {
		return core.Revision{}, otherwise
	}
	if err != nil {
		return core.Revision{}, fmt.Errorf("%w: read the result: %w", errTryAgain, err)
	}
	if isNoise(m) {
		return l.findBehindNoise(ctx, p)
	}
	next, err := l.decodeAt(p.location, m)
	if err != nil {
		return core.Revision{}, err
	}
	return p.compare(next)
}

// findBehindNoise is findResult where noise follows the expected revision. If there is no commit behind it, the append has to
// expect the noise.
func (l *Log) findBehindNoise(ctx context.Context, p *pendingCommit) (core.Revision, error) {
	last, err := l.lastCommit(ctx, p.location, l.getLastConfirmed)
	switch expected := p.expected.Position.Sequence; {
	case err != nil && !errors.Is(err, port.ErrNoStream):
		return core.Revision{}, fmt.Errorf("%w: read the result: %w", errTryAgain, err)
	case last.Position.Sequence < expected:
		return core.Revision{}, p.conflictAt(last.Version, fmt.Errorf("the newest commit is at %d", last.Position.Sequence))
	case last.Position.Sequence > expected:
		for next, err := range l.Since(ctx, p.expected.Version, last) {
			if err != nil {
				return core.Revision{}, p.conflictAt(last.Version, err)
			}
			return p.compare(next)
		}
		return core.Revision{}, p.conflictAt(last.Version, fmt.Errorf("the newest commit is at %d", last.Position.Sequence))
	}
	known := l.noisy.of(p.subject)
	if known.after != p.expected.Position.Sequence || known.last <= p.last { // another append has changed what is known
		return core.Revision{}, fmt.Errorf("%w: noise follows the expected revision", errTryAgain)
	}
	p.last = known.last
	p.message.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(p.last, 10))
	return core.Revision{}, errNoiseFollows
}

// compare returns the revision of the commit that follows the expected revision if it is this very commit, and a conflict if not.
func (p *pendingCommit) compare(next core.Commit) (core.Revision, error) {
	if next.Command == p.Command && next.Time.Equal(p.Time) && next.First() == p.expected.Version+1 {
		return next.Revision(), nil
	}
	return core.Revision{}, p.conflictAt(next.Version, fmt.Errorf("the log has version %d at %s", next.First(), next.Position))
}

// conflictAt is the conflict with a stream that has at least this version.
func (p *pendingCommit) conflictAt(actual core.Version, cause error) error {
	return &port.ConflictError{Stream: p.Stream, Expected: p.expected.Version, Actual: actual, Cause: cause}
}

func (p *pendingCommit) unavailable(cause error) error {
	return unavailable("append to "+p.Stream.String(), cause)
}

// conflict is the conflict with a stream whose version is not known.
func (p *pendingCommit) conflict() error {
	return fmt.Errorf("append to %s after version %d: %w", p.Stream, p.expected.Version, port.ErrConflict)
}
