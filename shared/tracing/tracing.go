// Package tracing carries the trace of a request through the program and the log, with the API of OpenTelemetry alone; package
// observe exports the spans. The ids of a trace that is not recorded are carried too, at no other cost.
package tracing

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// scope names the spans of this program.
const scope = "orchestrix"

// w3c encodes a trace as the headers traceparent and tracestate.
var w3c propagation.TraceContext

// carrier adapts a trace of the log to propagators.
type carrier struct{ trace *core.Trace }

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

// FromContext returns the trace of ctx in the form of headers and of the log; the zero Trace if there is none.
func FromContext(ctx context.Context) core.Trace {
	var t core.Trace
	w3c.Inject(ctx, carrier{&t})
	if len(t.State) > maxState {
		t.State = ""
	}
	return t
}

// maxState is the maximum length of a trace state, in bytes: the minimum that W3C requires. Clients may send 16 KiB, which every
// message and commit that follows from their command would carry.
const maxState = 512

// Continue adds the trace t to ctx, unless ctx has a trace already or t is zero.
func Continue(ctx context.Context, t core.Trace) context.Context {
	if t.Parent == "" || trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	return w3c.Extract(ctx, carrier{&t})
}

// ID returns the id of the trace in ctx, 32 hexadecimal digits; "" if there is none.
func ID(ctx context.Context) string {
	if s := trace.SpanContextFromContext(ctx); s.HasTraceID() {
		return s.TraceID().String()
	}
	return ""
}

// Recording reports whether the trace of ctx is recorded. Expensive names and attributes are computed only then.
func Recording(ctx context.Context) bool {
	return Enabled() && trace.SpanFromContext(ctx).IsRecording()
}

// Sampled reports whether the trace of ctx is sampled.
func Sampled(ctx context.Context) bool { return trace.SpanContextFromContext(ctx).IsSampled() }

// Step starts a span within the trace of ctx; it does nothing if the trace is not recorded. The caller must [End] the span.
func Step(ctx context.Context, name string) (context.Context, trace.Span) {
	if !Recording(ctx) {
		return ctx, NoSpan
	}
	return trace.SpanFromContext(ctx).TracerProvider().Tracer(scope).Start(ctx, name)
}

// NoSpan records nothing.
var NoSpan = trace.SpanFromContext(context.Background())

// start starts a span that may be the first one of this program in its trace.
func start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	return otel.Tracer(scope).Start(ctx, name, options...)
}

// End ends a span with the error of its work, which may be nil.
func End(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// The attributes of Orchestrix; all others follow the semantic conventions.
const (
	Category = attribute.Key("orchestrix.category")
	StreamID = attribute.Key("orchestrix.stream.id")
	Version  = attribute.Key("orchestrix.stream.version")
	Position = attribute.Key("orchestrix.position")
	Command  = attribute.Key("orchestrix.command")
	Result   = attribute.Key("orchestrix.outcome")
	Source   = attribute.Key("orchestrix.load.source")
	Events   = attribute.Key("orchestrix.events")
	View     = attribute.Key("orchestrix.view")
	Tries    = attribute.Key("orchestrix.tries")
)
