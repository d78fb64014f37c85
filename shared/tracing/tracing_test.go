package tracing_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

// recordSpans returns the recorder of a test's spans. The provider is global, so that these tests are not parallel.
func recordSpans(t *testing.T) *tracetest.SpanRecorder {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	tracing.SetProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)))
	t.Cleanup(func() { tracing.SetProvider(nil) })
	return recorder
}

// commitOf is a commit that was written just now, in a trace of its own.
func commitOf(trace string) core.Commit {
	return core.Commit{Time: time.Now(), Trace: core.Trace{Parent: "00-" + trace + "-00f067aa0ba902b7-01", State: "a=b"}}
}

const (
	first  = "11111111111111111111111111111111"
	second = "22222222222222222222222222222222"
)

var consumer = tracing.Consumer{System: "nats", Name: "orders", Destination: "events", Partition: 3}

func process(commits ...core.Commit) context.Context {
	ctx, batch := consumer.ProcessCommits(context.Background(), func(yield func(*core.Commit) bool) {
		for i := range commits {
			if !yield(&commits[i]) {
				return
			}
		}
	})
	batch.End(nil)
	return ctx
}

func TestATraceGoesThroughTheLogUnchanged(t *testing.T) {
	for _, parent := range []string{"00-" + first + "-00f067aa0ba902b7-01", "00-" + first + "-00f067aa0ba902b7-00"} {
		want := core.Trace{Parent: parent, State: "vendor=1"}
		if got := tracing.FromContext(tracing.Continue(t.Context(), want)); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if got := tracing.FromContext(tracing.Continue(t.Context(), core.Trace{Parent: "nonsense"})); got != (core.Trace{}) {
		t.Errorf("got %v from nonsense", got)
	}
	ctx := tracing.Continue(t.Context(), commitOf(first).Trace)
	if id := tracing.ID(tracing.Continue(ctx, commitOf(second).Trace)); id != first {
		t.Errorf("a trace was replaced by %s", id)
	}
}

func TestWithoutAProviderNothingIsDone(t *testing.T) {
	ctx := tracing.Continue(t.Context(), commitOf(first).Trace)
	if got, span := tracing.Step(ctx, "step"); got != ctx || span.IsRecording() {
		t.Error("a step was made")
	}
	if got, span := tracing.Send(ctx, "nats", "somewhere", "id"); got != ctx || span.IsRecording() {
		t.Error("a span of a message was made")
	}
	if got := process(commitOf(first), commitOf(second)); tracing.ID(got) != "" {
		t.Error("a span of a batch was made")
	}
}

func TestOneCommitIsWorkedOnInItsOwnTrace(t *testing.T) {
	recorder := recordSpans(t)
	ctx := process(commitOf(first))
	spans := recorder.Ended()
	if len(spans) != 1 || spans[0].Name() != "process orders" || spans[0].SpanKind() != trace.SpanKindConsumer {
		t.Fatalf("spans: %v", spans)
	}
	if id := spans[0].SpanContext().TraceID().String(); id != first || tracing.ID(ctx) != first || !spans[0].Parent().IsRemote() {
		t.Errorf("the span belongs to %s, the work to %s", id, tracing.ID(ctx))
	}
}

func TestABatchIsLinkedToItsCommitsBothWays(t *testing.T) {
	recorder := recordSpans(t)
	old, unsampled := commitOf("33333333333333333333333333333333"), commitOf("44444444444444444444444444444444")
	old.Time = old.Time.Add(-time.Hour)
	unsampled.Trace.Parent = unsampled.Trace.Parent[:53] + "00"
	ctx := process(commitOf(first), old, unsampled, core.Commit{Time: time.Now()}, commitOf(second))
	links := map[string]bool{}
	var traces []string
	for _, span := range recorder.Ended() {
		switch id := span.SpanContext().TraceID().String(); span.Name() {
		case "process orders batch":
			if id != tracing.ID(ctx) || id == first || id == second {
				t.Errorf("the batch belongs to %s", id)
			}
			for _, link := range span.Links() {
				links[link.SpanContext.TraceID().String()] = true
			}
		case "process orders":
			traces = append(traces, id)
			if len(span.Links()) != 1 || span.Links()[0].SpanContext.TraceID().String() != tracing.ID(ctx) {
				t.Errorf("the span in %s has links %v", id, span.Links())
			}
		default:
			t.Errorf("span %s", span.Name())
		}
	}
	if slices.Sort(traces); !slices.Equal(traces, []string{first, second}) || len(links) != 2 || !links[first] || !links[second] {
		t.Errorf("spans in %v, links to %v", traces, links)
	}
}

func TestAFailureShowsInTheSpan(t *testing.T) {
	recorder := recordSpans(t)
	ctx, span := consumer.Process(t.Context(), commitOf(first).Trace)
	_, send := tracing.Send(ctx, "nats", "commands", "ship-1")
	tracing.End(send, errors.New("no answer"))
	tracing.End(span, nil)
	spans := recorder.Ended()
	if len(spans) != 2 || spans[0].Name() != "send commands" || spans[0].SpanKind() != trace.SpanKindProducer || spans[0].Status().Code != codes.Error {
		t.Fatalf("spans: %v", spans)
	}
	if spans[0].Parent().SpanID() != spans[1].SpanContext().SpanID() || spans[1].Status().Code == codes.Error {
		t.Errorf("%v is no child of %v", spans[0], spans[1])
	}
}
