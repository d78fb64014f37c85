package tracing

import (
	"context"
	"iter"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Send starts the span of a publication (messaging conventions: a producer, operation "send"). The message must carry the
// context of this span, see [FromContext], so that its handler continues the trace. Send does nothing if the trace is not recorded.
func Send(ctx context.Context, system, destination, messageID string) (context.Context, trace.Span) {
	if !Recording(ctx) {
		return ctx, NoSpan
	}
	return trace.SpanFromContext(ctx).TracerProvider().Tracer(scope).Start(ctx, "send "+destination, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		semconv.MessagingSystemKey.String(system), semconv.MessagingOperationName("publish"), semconv.MessagingOperationTypeSend,
		semconv.MessagingDestinationName(destination), semconv.MessagingMessageID(messageID),
	))
}

// Consumer describes what handles commits of the log or messages of the bus, as the attributes of its spans.
type Consumer struct {
	System      string // "nats" or "postgresql"
	Name        string // of the consumer: a view, a process, a group
	Destination string // the stream or topic
	Partition   int    // of the log; -1: none
	Attributes  []attribute.KeyValue
}

func (c Consumer) attributes(messages int) []attribute.KeyValue {
	all := append([]attribute.KeyValue{
		semconv.MessagingSystemKey.String(c.System), semconv.MessagingOperationName("process"), semconv.MessagingOperationTypeProcess,
		semconv.MessagingDestinationName(c.Destination), semconv.MessagingConsumerGroupName(c.Name),
	}, c.Attributes...)
	if c.Partition >= 0 {
		all = append(all, semconv.MessagingDestinationPartitionID(strconv.Itoa(c.Partition)))
	}
	if messages > 1 {
		all = append(all, semconv.MessagingBatchMessageCount(messages))
	}
	return all
}

// Process starts the span of one message, in the message's trace.
func (c Consumer) Process(ctx context.Context, t core.Trace) (context.Context, trace.Span) {
	ctx = Continue(ctx, t)
	if !Enabled() {
		return ctx, NoSpan
	}
	return start(ctx, "process "+c.Name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(c.attributes(1)...))
}

// Link links the span of ctx to another span.
func Link(ctx context.Context, other trace.SpanContext) {
	span := trace.SpanFromContext(ctx)
	if other.IsValid() && !other.Equal(span.SpanContext()) {
		span.AddLink(trace.Link{SpanContext: other})
	}
}

// Enabled reports whether spans are recorded at all: a provider is in use.
func Enabled() bool { return on.Load() }

const (
	// ended is the age of a commit after which its trace is considered complete: a view that is built from the log continues
	// no trace.
	ended = 10 * time.Minute
	// maxLinks is the number of traces in a batch that are continued.
	maxLinks = 128
)

// Batch holds the span of a batch, and a span in each trace that it continues.
type Batch struct {
	span   trace.Span
	traces []trace.Span
}

// ProcessCommits starts the span of a batch of commits. A single commit is handled in its own trace. A larger batch has a new
// trace that links to the trace of each commit, and each of these gets a span that links back.
func (c Consumer) ProcessCommits(ctx context.Context, commits iter.Seq[*core.Commit]) (context.Context, Batch) {
	if !Enabled() {
		return ctx, Batch{span: NoSpan}
	}
	parents, count := sampledParents(commits)
	name, kind := "process "+c.Name, trace.WithSpanKind(trace.SpanKindConsumer)
	attributes := trace.WithAttributes(c.attributes(count)...)
	switch {
	case len(parents) == 0:
		return ctx, Batch{span: NoSpan}
	case count == 1:
		ctx, span := start(trace.ContextWithRemoteSpanContext(ctx, parents[0]), name, kind, attributes)
		return ctx, Batch{span: span}
	}
	links := make([]trace.Link, len(parents))
	for i, parent := range parents {
		links[i] = trace.Link{SpanContext: parent}
	}
	ctx, span := start(ctx, name+" batch", kind, attributes, trace.WithNewRoot(), trace.WithLinks(links...))
	b := Batch{span: span}
	back := trace.WithLinks(trace.Link{SpanContext: span.SpanContext()})
	for _, parent := range parents {
		_, one := start(trace.ContextWithRemoteSpanContext(context.Background(), parent), name, kind, attributes, back)
		b.traces = append(b.traces, one)
	}
	return ctx, b
}

// sampledParents returns the spans in which the commits were published, if they are sampled and recent, and the number of
// commits.
func sampledParents(commits iter.Seq[*core.Commit]) (parents []trace.SpanContext, count int) {
	now := time.Now()
	for c := range commits {
		count++
		if c.Trace.Parent == "" || len(parents) == maxLinks || now.Sub(c.Time) > ended {
			continue
		}
		if parent := trace.SpanContextFromContext(Continue(context.Background(), c.Trace)); parent.IsSampled() {
			parents = append(parents, parent)
		}
	}
	return parents, count
}

// End ends the spans.
func (b Batch) End(err error) {
	for _, span := range b.traces {
		End(span, err)
	}
	End(b.span, err)
}
