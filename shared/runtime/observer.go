package runtime

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"orchestrix/shared/es"
	"orchestrix/shared/tracing"
)

// CommandObserver is told what an [Executor] does, for metrics. It is called by many goroutines at once and must not
// block.
type CommandObserver interface {
	// Executed is told of each command of a known type, with the time since its arrival.
	Executed(ctx context.Context, t *es.CommandType, outcome CommandOutcome, took time.Duration)
	// Conflicted is told when a command is decided again because another writer was faster.
	Conflicted(t *es.CommandType)
	// Appended is told of each append: "stored", "conflict" or "failed".
	Appended(ctx context.Context, category, outcome string, took time.Duration)
	// Loaded is told where the state came from that a command is decided on.
	Loaded(ctx context.Context, category string, source LoadSource, took time.Duration)
	// Snapshots is told what became of snapshots.
	Snapshots(outcome SnapshotOutcome, count int)
}

// CommandOutcome is what came of a command.
type CommandOutcome string

// The outcomes of commands.
const (
	CommandAccepted     CommandOutcome = "accepted"     // its events are in the log
	CommandUnchanged    CommandOutcome = "unchanged"    // it led to no event
	CommandRepeated     CommandOutcome = "repeated"     // it got its first result again
	CommandRejected     CommandOutcome = "rejected"     // the domain said no
	CommandPrecondition CommandOutcome = "precondition" // IfMatch did not hold
	CommandReused       CommandOutcome = "reused"       // its id had come with another body
	CommandInvalid      CommandOutcome = "invalid"      // it can't be read
	CommandTooLarge     CommandOutcome = "too_large"    // its events are more than the log takes at once
	CommandConflicted   CommandOutcome = "conflict"     // others were faster every time
	CommandOverloaded   CommandOutcome = "overloaded"   // too many waited for the aggregate
	CommandUnavailable  CommandOutcome = "unavailable"  // the log did not answer in time
	CommandFailed       CommandOutcome = "failed"       // a fault of the domain, of the log's content or of ours
)

// outcomes says what an error means; the first that matches counts.
var outcomes = []struct {
	is      error
	outcome CommandOutcome
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

// CommandOutcomeOf is the outcome of what [Executor.Execute] has returned.
func CommandOutcomeOf(result Result, err error) CommandOutcome {
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
	for _, o := range outcomes {
		if errors.Is(err, o.is) {
			return o.outcome
		}
	}
	return CommandFailed
}

// LoadSource is where the state of an aggregate came from.
type LoadSource string

// Where states come from.
const (
	FromCache    LoadSource = "cache"
	FromRefresh  LoadSource = "refresh" // the cache, and what others have written since
	FromGuess    LoadSource = "guess"   // nowhere: it was taken for new, and was
	FromSnapshot LoadSource = "snapshot"
	FromLog      LoadSource = "log"
)

// SnapshotOutcome is what became of a snapshot.
type SnapshotOutcome string

// What becomes of snapshots.
const (
	SnapshotWritten  SnapshotOutcome = "written"
	SnapshotRejected SnapshotOutcome = "rejected" // read, but of no use: the log was replayed
	SnapshotDropped  SnapshotOutcome = "dropped"  // not written: the store failed, or too many waited
)

// Cached is how many aggregates are in memory.
func (x *Executor) Cached() int { return x.cache.size() }

// execution is one command as its observers see it.
type execution struct {
	started time.Time
	command *es.CommandType // nil: unknown
	span    trace.Span
}

// observed executes a command of type t, nil where that is not known, unless err says why it can't be.
func (x *Executor) observed(ctx context.Context, c Command, t *es.CommandType, payload any, err error) (result Result, _ error) {
	ctx, e := x.begin(ctx, &c, t)
	if err == nil {
		result, err = x.execute(ctx, c, t, payload)
	}
	x.end(ctx, e, result, err)
	return result, err
}

// begin starts to observe a command: its trace, and on whose behalf what follows is done.
func (x *Executor) begin(ctx context.Context, c *Command, t *es.CommandType) (context.Context, execution) {
	e := execution{started: time.Now(), command: t}
	if es.RequestOf(ctx).CommandID == "" {
		ctx = es.WithRequest(ctx, es.Request{Tenant: c.Stream.Tenant, CommandID: c.ID, CorrelationID: orElse(c.CorrelationID, c.ID)})
	}
	ctx, e.span = tracing.Step(tracing.Continue(ctx, c.Trace), "execute")
	if e.span.IsRecording() {
		e.span.SetAttributes(tracing.Category.String(c.Stream.Category), tracing.StreamID.String(c.Stream.ID), tracing.Command.String(c.Name))
	}
	return ctx, e
}

func (x *Executor) end(ctx context.Context, e execution, result Result, err error) {
	outcome := CommandOutcomeOf(result, err)
	if e.span.IsRecording() {
		e.span.SetAttributes(tracing.Outcome.String(string(outcome)))
		if err == nil {
			e.span.SetAttributes(tracing.Version.Int64(int64(result.Version)), tracing.Position.String(result.Position.String()))
		}
	}
	switch outcome {
	case CommandFailed, CommandUnavailable, CommandOverloaded:
		tracing.End(e.span, err)
	default:
		tracing.End(e.span, nil) // a "no" is an answer
	}
	if e.command != nil {
		x.config.Observer.Executed(ctx, e.command, outcome, time.Since(e.started))
	}
}

// loaded reports a load that has ended.
func (x *Executor) loaded(ctx context.Context, entry *cached, source LoadSource, started time.Time) {
	trace.SpanFromContext(ctx).SetAttributes(tracing.Source.String(string(source)))
	x.config.Observer.Loaded(ctx, entry.stream.Category, source, time.Since(started))
}

// decide is [decide], observed.
func (x *Executor) decide(ctx context.Context, f *folded, t *es.CommandType, payload any, c Command, hash string) ([]es.Event, Result, error) {
	_, span := tracing.Step(ctx, "decide")
	defer span.End()
	return decide(f, t, payload, c, hash)
}

// append is the log's Append, observed.
func (x *Executor) append(ctx context.Context, expected es.Revision, c es.Commit) (es.Revision, error) {
	started := time.Now()
	ctx, span := tracing.Step(ctx, "append")
	c.Trace = tracing.Of(ctx)
	revision, err := x.log.Append(ctx, expected, c)
	outcome := "stored"
	switch {
	case errors.Is(err, es.ErrConflict):
		outcome = "conflict"
	case err != nil:
		outcome = "failed"
	}
	x.config.Observer.Appended(ctx, c.Stream.Category, outcome, time.Since(started))
	tracing.End(span, err)
	return revision, err
}

// unobserved observes nothing.
type unobserved struct{}

var _ CommandObserver = unobserved{}

func (unobserved) Executed(context.Context, *es.CommandType, CommandOutcome, time.Duration) {}
func (unobserved) Conflicted(*es.CommandType)                                               {}
func (unobserved) Appended(context.Context, string, string, time.Duration)                  {}
func (unobserved) Loaded(context.Context, string, LoadSource, time.Duration)                {}
func (unobserved) Snapshots(SnapshotOutcome, int)                                           {}
