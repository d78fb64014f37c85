package command

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"orchestrix/shared/core"
	"orchestrix/shared/port"
	"orchestrix/shared/runtime"
	"orchestrix/shared/tracing"
)

// CommandObserver receives events of an [Executor], for metrics. Goroutines call it concurrently; it must not block.
type Observer interface {
	// Executed reports a command of a known type, with its result and the time since its arrival.
	Executed(ctx context.Context, t *core.CommandType, result ResultLabel, took time.Duration)
	// Conflicted reports that a command was attempted again because another writer was faster.
	Conflicted(t *core.CommandType)
	// Appended reports an append; result is "stored", "conflict" or "failed".
	Appended(ctx context.Context, category, result string, took time.Duration)
	// Loaded reports the source of the state on which a command was decided.
	Loaded(ctx context.Context, category string, source LoadSource, took time.Duration)
	// Snapshots counts snapshots by result.
	Snapshots(result SnapshotResult, count int)
}

// CommandResult classifies the end of a command. Its values are labels of metrics.
type ResultLabel string

// The results of commands.
const (
	Accepted     ResultLabel = "accepted"     // its events are in the log
	Unchanged    ResultLabel = "unchanged"    // it led to no event
	Repeated     ResultLabel = "repeated"     // it got its first result again
	Rejected     ResultLabel = "rejected"     // by the domain
	Precondition ResultLabel = "precondition" // IfMatch did not match
	Reused       ResultLabel = "reused"       // its id was used before with another name or body
	Invalid      ResultLabel = "invalid"      // malformed
	TooLarge     ResultLabel = "too_large"    // its events exceed the log's limit for one commit
	Conflicted   ResultLabel = "conflict"     // every attempt lost against another writer
	Overloaded   ResultLabel = "overloaded"   // too many commands waited for the aggregate
	Unavailable  ResultLabel = "unavailable"  // the log did not answer in time
	Failed       ResultLabel = "failed"       // a fault of the domain, of the log's content or of this program
)

// commandResults maps errors to results; the first match counts.
var commandResults = []struct {
	is     error
	result ResultLabel
}{
	{core.ErrCorrupt, Failed},
	{core.ErrUnknownEvent, Failed},
	{runtime.ErrCommandReused, Reused},
	{core.ErrBadToken, Invalid},
	{core.ErrBadPayload, Invalid},
	{port.ErrTooLarge, TooLarge},
	{runtime.ErrOverloaded, Overloaded},
	{port.ErrUnavailable, Unavailable},
	{port.ErrConflict, Conflicted},
}

// CommandResultOf classifies what [Executor.Execute] has returned.
func LabelOf(result runtime.Result, err error) ResultLabel {
	switch {
	case err == nil && result.Repeated:
		return Repeated
	case err == nil && len(result.Events) == 0:
		return Unchanged
	case err == nil:
		return Accepted
	}
	var rejection *core.Rejection
	var precondition *runtime.PreconditionError
	switch {
	case errors.As(err, &rejection):
		return Rejected
	case errors.As(err, &precondition):
		return Precondition
	}
	for _, r := range commandResults {
		if errors.Is(err, r.is) {
			return r.result
		}
	}
	return Failed
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
func (x *Executor) traced(ctx context.Context, c *call, err error) (result runtime.Result, _ error) {
	started := time.Now()
	if core.RequestOf(ctx).CommandID == "" {
		ctx = core.WithRequest(ctx, core.Request{Tenant: c.Stream.Tenant, CommandID: c.ID, CorrelationID: runtime.OrElse(c.CorrelationID, c.ID)})
	}
	ctx, span := tracing.Step(tracing.Continue(ctx, c.Trace), "execute")
	if err == nil {
		result, err = x.execute(ctx, c)
	}
	outcome := LabelOf(result, err)
	endCommand(span, c, outcome, result, err)
	if c.Type != nil {
		c.report(ctx, x.config.Observer, outcome, time.Since(started))
	}
	return result, err
}

// endCommand ends the span of a command. A rejection is a result, not an error of the span.
func endCommand(span trace.Span, c *call, outcome ResultLabel, result runtime.Result, err error) {
	if span.IsRecording() {
		span.SetAttributes(tracing.Category.String(c.Stream.Category), tracing.StreamID.String(c.Stream.ID),
			tracing.Command.String(c.Name), tracing.Outcome.String(string(outcome)))
		if err == nil {
			span.SetAttributes(tracing.Version.Int64(int64(result.Version)), tracing.Position.String(result.Position.String()))
		}
	}
	switch outcome {
	case Failed, Unavailable, Overloaded:
	default:
		err = nil
	}
	tracing.End(span, err)
}

// report tells the observer how the command ended.
func (c *call) report(ctx context.Context, o Observer, outcome ResultLabel, took time.Duration) {
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
	observer Observer
}

func (o observedSteps) load(ctx context.Context, s *slot, a *core.Aggregate) (loadResult, error) {
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

func (o observedSteps) decide(ctx context.Context, s *state, c *call) ([]core.Event, runtime.Result, error) {
	ctx, span := tracing.Step(ctx, "decide")
	defer span.End()
	return o.next.decide(ctx, s, c)
}

// observedAppender decorates a log with spans and metrics. A commit carries the trace under which it is appended.
type observedAppender struct {
	next     port.Appender
	observer Observer
}

// Append implements [port.Appender].
func (o observedAppender) Append(ctx context.Context, expected core.Revision, c core.Commit) (core.Revision, error) {
	started := time.Now()
	ctx, span := tracing.Step(ctx, "append")
	c.Trace = tracing.Of(ctx)
	revision, err := o.next.Append(ctx, expected, c)
	result := "stored"
	switch {
	case errors.Is(err, port.ErrConflict):
		result = "conflict"
	case err != nil:
		result = "failed"
	}
	o.observer.Appended(ctx, c.Stream.Category, result, time.Since(started))
	tracing.End(span, err)
	return revision, err
}

// unobserved ignores all events.
type Unobserved struct{}

var _ Observer = Unobserved{}

func (Unobserved) Executed(context.Context, *core.CommandType, ResultLabel, time.Duration) {}
func (Unobserved) Conflicted(*core.CommandType)                                            {}
func (Unobserved) Appended(context.Context, string, string, time.Duration)                 {}
func (Unobserved) Loaded(context.Context, string, LoadSource, time.Duration)               {}
func (Unobserved) Snapshots(SnapshotResult, int)                                           {}
