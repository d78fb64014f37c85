package runtime

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"orchestrix/shared/es"
	"orchestrix/shared/tracing"
)

// CommandObserver receives events of an [Executor], for metrics. Goroutines call it concurrently; it must not block.
type CommandObserver interface {
	// Executed reports a command of a known type, with its result and the time since its arrival.
	Executed(ctx context.Context, t *es.CommandType, result CommandResult, took time.Duration)
	// Conflicted reports that a command was attempted again because another writer was faster.
	Conflicted(t *es.CommandType)
	// Appended reports an append; result is "stored", "conflict" or "failed".
	Appended(ctx context.Context, category, result string, took time.Duration)
	// Loaded reports the source of the state on which a command was decided.
	Loaded(ctx context.Context, category string, source LoadSource, took time.Duration)
	// Snapshots counts snapshots by result.
	Snapshots(result SnapshotResult, count int)
}

// CommandResult classifies the end of a command. Its values are labels of metrics.
type CommandResult string

// The results of commands.
const (
	CommandAccepted     CommandResult = "accepted"     // its events are in the log
	CommandUnchanged    CommandResult = "unchanged"    // it led to no event
	CommandRepeated     CommandResult = "repeated"     // it got its first result again
	CommandRejected     CommandResult = "rejected"     // by the domain
	CommandPrecondition CommandResult = "precondition" // IfMatch did not match
	CommandReused       CommandResult = "reused"       // its id was used before with another name or body
	CommandInvalid      CommandResult = "invalid"      // malformed
	CommandTooLarge     CommandResult = "too_large"    // its events exceed the log's limit for one commit
	CommandConflicted   CommandResult = "conflict"     // every attempt lost against another writer
	CommandOverloaded   CommandResult = "overloaded"   // too many commands waited for the aggregate
	CommandUnavailable  CommandResult = "unavailable"  // the log did not answer in time
	CommandFailed       CommandResult = "failed"       // a fault of the domain, of the log's content or of this program
)

// commandResults maps errors to results; the first match counts.
var commandResults = []struct {
	is     error
	result CommandResult
}{
	{es.ErrCorrupt, CommandFailed},
	{es.ErrUnknownEvent, CommandFailed},
	{ErrCommandReused, CommandReused},
	{es.ErrBadToken, CommandInvalid},
	{es.ErrBadPayload, CommandInvalid},
	{es.ErrTooLarge, CommandTooLarge},
	{ErrOverloaded, CommandOverloaded},
	{es.ErrUnavailable, CommandUnavailable},
	{es.ErrConflict, CommandConflicted},
}

// CommandResultOf classifies what [Executor.Execute] has returned.
func CommandResultOf(result Result, err error) CommandResult {
	switch {
	case err == nil && result.Repeated:
		return CommandRepeated
	case err == nil && len(result.Events) == 0:
		return CommandUnchanged
	case err == nil:
		return CommandAccepted
	}
	var rejection *es.Rejection
	var precondition *PreconditionError
	switch {
	case errors.As(err, &rejection):
		return CommandRejected
	case errors.As(err, &precondition):
		return CommandPrecondition
	}
	for _, r := range commandResults {
		if errors.Is(err, r.is) {
			return r.result
		}
	}
	return CommandFailed
}

// LoadSource is the source of an aggregate's state.
type LoadSource string

// The sources of states.
const (
	FromCache    LoadSource = "cache"
	FromRefresh  LoadSource = "refresh" // the cache, and the commits that other writers have appended since
	FromGuess    LoadSource = "guess"   // none: the aggregate was assumed to be new, and was
	FromSnapshot LoadSource = "snapshot"
	FromLog      LoadSource = "log"
)

// SnapshotResult is the result of writing or reading a snapshot.
type SnapshotResult string

// The results of snapshots.
const (
	SnapshotWritten  SnapshotResult = "written"
	SnapshotRejected SnapshotResult = "rejected" // read, but not usable: the log was replayed
	SnapshotDropped  SnapshotResult = "dropped"  // not written: the store failed, or the queue was full
)

// traced executes a command in a span of its own and reports its result, unless err tells why it can't be executed.
func (x *Executor) traced(ctx context.Context, c *call, err error) (result Result, _ error) {
	started := time.Now()
	if es.RequestOf(ctx).CommandID == "" {
		ctx = es.WithRequest(ctx, es.Request{Tenant: c.Stream.Tenant, CommandID: c.ID, CorrelationID: orElse(c.CorrelationID, c.ID)})
	}
	ctx, span := tracing.Step(tracing.Continue(ctx, c.Trace), "execute")
	if err == nil {
		result, err = x.execute(ctx, c)
	}
	outcome := CommandResultOf(result, err)
	endCommand(span, c, outcome, result, err)
	if c.Type != nil {
		c.report(ctx, x.config.Observer, outcome, time.Since(started))
	}
	return result, err
}

// endCommand ends the span of a command. A rejection is a result, not an error of the span.
func endCommand(span trace.Span, c *call, outcome CommandResult, result Result, err error) {
	if span.IsRecording() {
		span.SetAttributes(tracing.Category.String(c.Stream.Category), tracing.StreamID.String(c.Stream.ID),
			tracing.Command.String(c.Name), tracing.Outcome.String(string(outcome)))
		if err == nil {
			span.SetAttributes(tracing.Version.Int64(int64(result.Version)), tracing.Position.String(result.Position.String()))
		}
	}
	switch outcome {
	case CommandFailed, CommandUnavailable, CommandOverloaded:
	default:
		err = nil
	}
	tracing.End(span, err)
}

// report tells the observer how the command ended.
func (c *call) report(ctx context.Context, o CommandObserver, outcome CommandResult, took time.Duration) {
	for range c.cacheHits {
		o.Loaded(ctx, c.Stream.Category, FromCache, 0)
	}
	if c.optimistic {
		o.Loaded(ctx, c.Stream.Category, FromGuess, 0)
	}
	for range c.conflicts {
		o.Conflicted(c.Type)
	}
	o.Executed(ctx, c.Type, outcome, took)
}

// observedSteps decorates steps with spans and metrics.
type observedSteps struct {
	next     steps
	observer CommandObserver
}

func (o observedSteps) load(ctx context.Context, s *slot, a *es.Aggregate) (loadResult, error) {
	if s.current() {
		o.observer.Loaded(ctx, s.stream.Category, FromCache, 0)
		return loadResult{source: FromCache}, nil
	}
	started := time.Now()
	ctx, span := tracing.Step(ctx, "load")
	defer span.End()
	result, err := o.next.load(ctx, s, a)
	if err == nil {
		span.SetAttributes(tracing.Source.String(string(result.source)))
		o.observer.Loaded(ctx, s.stream.Category, result.source, time.Since(started))
	}
	return result, err
}

func (o observedSteps) decide(ctx context.Context, s *state, c *call) ([]es.Event, Result, error) {
	ctx, span := tracing.Step(ctx, "decide")
	defer span.End()
	return o.next.decide(ctx, s, c)
}

// observedAppender decorates a log with spans and metrics. A commit carries the trace under which it is appended.
type observedAppender struct {
	next     es.Appender
	observer CommandObserver
}

// Append implements [es.Appender].
func (o observedAppender) Append(ctx context.Context, expected es.Revision, c es.Commit) (es.Revision, error) {
	started := time.Now()
	ctx, span := tracing.Step(ctx, "append")
	c.Trace = tracing.Of(ctx)
	revision, err := o.next.Append(ctx, expected, c)
	result := "stored"
	switch {
	case errors.Is(err, es.ErrConflict):
		result = "conflict"
	case err != nil:
		result = "failed"
	}
	o.observer.Appended(ctx, c.Stream.Category, result, time.Since(started))
	tracing.End(span, err)
	return revision, err
}

// unobserved ignores all events.
type unobserved struct{}

var _ CommandObserver = unobserved{}

func (unobserved) Executed(context.Context, *es.CommandType, CommandResult, time.Duration) {}
func (unobserved) Conflicted(*es.CommandType)                                              {}
func (unobserved) Appended(context.Context, string, string, time.Duration)                 {}
func (unobserved) Loaded(context.Context, string, LoadSource, time.Duration)               {}
func (unobserved) Snapshots(SnapshotResult, int)                                           {}
