package command

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

// Observer receives the measurements of an [Executor] and a [Loader]. Its methods are called concurrently and must not block.
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

// ResultLabel classifies the result of a command. Its values are labels of metrics.
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

// errorLabels maps errors to labels; the first match counts.
var errorLabels = []struct {
	is    error
	label ResultLabel
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

// labelOf classifies the result and the error of [Executor.Execute].
func labelOf(result runtime.Result, err error) ResultLabel {
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
	for _, r := range errorLabels {
		if errors.Is(err, r.is) {
			return r.label
		}
	}
	return Failed
}

// LoadSource is the source of an aggregate's state.
type LoadSource string

// The sources of states.
const (
	FromCache      LoadSource = "cache"
	FromRefresh    LoadSource = "refresh" // the cache, and the commits that other writers have appended since
	FromAssumption LoadSource = "guess"   // nothing was read: the aggregate was assumed to be new, correctly
	FromSnapshot   LoadSource = "snapshot"
	FromLog        LoadSource = "log"
)

// SnapshotResult is the result of writing or reading a snapshot.
type SnapshotResult string

// The results of snapshots.
const (
	SnapshotWritten  SnapshotResult = "written"
	SnapshotRejected SnapshotResult = "rejected" // read, but not usable: the log was replayed
	SnapshotDropped  SnapshotResult = "dropped"  // not written: the store failed, or the queue was full
)

// traced executes a command in a span of its own and reports its result. A command that is not valid, by err, is only reported.
func (x *Executor) traced(ctx context.Context, c *call, err error) (result runtime.Result, _ error) {
	started := time.Now()
	if core.RequestOf(ctx).CommandID == "" {
		ctx = core.WithRequest(ctx, core.Request{Tenant: c.Stream.Tenant, CommandID: c.ID, CorrelationID: cmp.Or(c.CorrelationID, c.ID)})
	}
	ctx, span := tracing.Step(tracing.Continue(ctx, c.Trace), "execute")
	if err == nil {
		result, err = x.execute(ctx, c)
	}
	label := labelOf(result, err)
	endCommand(span, c, label, result, err)
	if c.Type != nil {
		c.report(ctx, x.config.Observer, label, time.Since(started))
	}
	return result, err
}

// endCommand ends the span of a command. A rejection is a result, not an error of the span.
func endCommand(span trace.Span, c *call, label ResultLabel, result runtime.Result, err error) {
	if span.IsRecording() {
		span.SetAttributes(tracing.Category.String(c.Stream.Category), tracing.StreamID.String(c.Stream.ID),
			tracing.Command.String(c.Name), tracing.Result.String(string(label)))
		if err == nil {
			span.SetAttributes(tracing.Version.Int64(int64(result.Version)), tracing.Position.String(result.Position.String()))
		}
	}
	switch label {
	case Failed, Unavailable, Overloaded:
	default:
		err = nil
	}
	tracing.End(span, err)
}

// report passes the measurements of the command to the observer.
func (c *call) report(ctx context.Context, o Observer, label ResultLabel, took time.Duration) {
	for range c.cacheHits {
		o.Loaded(ctx, c.Stream.Category, FromCache, 0)
	}
	if c.optimistic {
		o.Loaded(ctx, c.Stream.Category, FromAssumption, 0)
	}
	for range c.conflicts {
		o.Conflicted(c.Type)
	}
	o.Executed(ctx, c.Type, label, took)
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
	c.Trace = tracing.FromContext(ctx)
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

// noObserver discards all measurements.
type noObserver struct{}

var _ Observer = noObserver{}

func (noObserver) Executed(context.Context, *core.CommandType, ResultLabel, time.Duration) {}
func (noObserver) Conflicted(*core.CommandType)                                            {}
func (noObserver) Appended(context.Context, string, string, time.Duration)                 {}
func (noObserver) Loaded(context.Context, string, LoadSource, time.Duration)               {}
func (noObserver) Snapshots(SnapshotResult, int)                                           {}
