// Package tracing carries the trace of a request through the program and through the log, with the API of
// OpenTelemetry alone: what becomes of the spans is package observe's to say. Where a trace is not recorded, its ids
// are carried all the same, and nothing else is done.
package tracing

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"orchestrix/shared/es"
)

// scope names the spans of this program.
const scope = "orchestrix"

// w3c is the form in which a trace stands in headers: traceparent and tracestate.
var w3c propagation.TraceContext

// carrier makes a trace of the log one that a propagator reads and writes.
type carrier struct{ trace *es.Trace }

var _ propagation.TextMapCarrier = carrier{}

func (c carrier) field(name string) *string {
	if name == "traceparent" {
		return &c.trace.Parent
	}
	return &c.trace.State
}

func (c carrier) Get(name string) string { return *c.field(name) }
func (c carrier) Set(name, value string) { *c.field(name) = value }
func (c carrier) Keys() []string         { return []string{"traceparent", "tracestate"} }

// Of is the trace of ctx as headers and the log carry it; the zero Trace if there is none.
func Of(ctx context.Context) es.Trace {
	var t es.Trace
	w3c.Inject(ctx, carrier{&t})
	if len(t.State) > maxState {
		t.State = ""
	}
	return t
}

// maxState is how long a trace state is that is carried on: as long as W3C wants it to be at least. Clients may send 16 KiB,
// and it would travel with all that their command sets off.
const maxState = 512

// Continue makes what happens under ctx a part of t, unless ctx is a part of a trace already or t is none.
func Continue(ctx context.Context, t es.Trace) context.Context {
	if t.Parent == "" || trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	return w3c.Extract(ctx, carrier{&t})
}

// ID is the trace's id in ctx, 32 hexadecimal digits; "" where there is none.
func ID(ctx context.Context) string {
	if s := trace.SpanContextFromContext(ctx); s.HasTraceID() {
		return s.TraceID().String()
	}
	return ""
}

// On reports whether the trace of ctx is recorded here. Names and attributes that cost something are made only then.
func On(ctx context.Context) bool { return Enabled() && trace.SpanFromContext(ctx).IsRecording() }

// Sampled reports whether the trace of ctx is one that is kept.
func Sampled(ctx context.Context) bool { return trace.SpanContextFromContext(ctx).IsSampled() }

// Step starts a span within the trace of ctx; where that is not recorded, it does nothing. The span must be given to
// [End].
func Step(ctx context.Context, name string) (context.Context, trace.Span) {
	if !On(ctx) {
		return ctx, NoSpan
	}
	return trace.SpanFromContext(ctx).TracerProvider().Tracer(scope).Start(ctx, name)
}

// NoSpan takes everything and keeps nothing.
var NoSpan = trace.SpanFromContext(context.Background())

// start starts a span that may be the first of this program in its trace.
func start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	return otel.Tracer(scope).Start(ctx, name, options...)
}

// End ends a span, with the error that its work has ended with.
func End(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// The attributes of our own; all others are those of the semantic conventions.
const (
	Category = attribute.Key("orchestrix.category")
	StreamID = attribute.Key("orchestrix.stream.id")
	Version  = attribute.Key("orchestrix.stream.version")
	Position = attribute.Key("orchestrix.position")
	Command  = attribute.Key("orchestrix.command")
	Outcome  = attribute.Key("orchestrix.outcome")
	Source   = attribute.Key("orchestrix.load.source")
	Events   = attribute.Key("orchestrix.events")
	View     = attribute.Key("orchestrix.view")
	Tries    = attribute.Key("orchestrix.tries")
)
