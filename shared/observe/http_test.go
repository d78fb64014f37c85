package observe_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

func TestARequestWithoutSpansHasAnIDAllTheSame(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ parent, id string }{
		"the client's": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"},
		"none":         {"", ""},
		"garbage":      {"00-zz-zz-01", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var id string
			var inLog core.Trace
			handler := observe.NewMetrics("test").HTTP.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				id, inLog = tracing.ID(r.Context()), tracing.FromContext(r.Context())
			}), true)
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			request.Header.Set("traceparent", test.parent)
			handler.ServeHTTP(httptest.NewRecorder(), request)
			if len(id) != 32 || test.id != "" && id != test.id {
				t.Errorf("the trace is %q, not %q", id, test.id)
			}
			if test.id != "" && inLog.Parent != test.parent {
				t.Errorf("the log would hold %q", inLog.Parent)
			}
			if test.id == "" && inLog.Parent[53:] != "00" {
				t.Errorf("a trace that is not sampled is marked as sampled: %q", inLog.Parent)
			}
		})
	}
}

// A client may name its trace, but not make the program record it. This test is not parallel: the provider is global.
func TestAClientDoesNotForceTheRecordingOfItsTrace(t *testing.T) {
	const id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"
	otel.SetTextMapPropagator(propagation.TraceContext{})
	defer tracing.SetProvider(nil)
	for name, c := range map[string]struct {
		sampler sdktrace.Sampler // nil: nothing is recorded
		trust   bool
		sampled bool
	}{
		"a sampler that keeps nothing":   {sdktrace.ParentBased(sdktrace.NeverSample()), false, false},
		"a sampler that keeps all":       {sdktrace.ParentBased(sdktrace.AlwaysSample()), false, true},
		"a client that is trusted":       {sdktrace.ParentBased(sdktrace.NeverSample()), true, true},
		"no recording":                   {nil, false, false},
		"no recording, a trusted client": {nil, true, true}, // other services may record
	} {
		recorder := tracetest.NewSpanRecorder()
		tracing.SetProvider(nil)
		if c.sampler != nil {
			tracing.SetProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder), sdktrace.WithSampler(c.sampler)))
		}
		var got core.Trace
		handler := observe.NewMetrics("test").HTTP.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got = tracing.FromContext(r.Context())
		}), c.trust)
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		request.Header.Set("traceparent", parent+"01")
		handler.ServeHTTP(httptest.NewRecorder(), request)
		if sampled := strings.HasSuffix(got.Parent, "-01"); !strings.Contains(got.Parent, id) || sampled != c.sampled {
			t.Errorf("%s: the trace continues as %q, sampled is to be %v", name, got.Parent, c.sampled)
		}
		if recorded := len(recorder.Ended()) == 1; recorded != (c.sampled && c.sampler != nil) {
			t.Errorf("%s: %d spans are recorded", name, len(recorder.Ended()))
		}
	}
}

func TestLinesSayOnWhoseBehalfTheyAre(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger := slog.New(observe.LogHandler(slog.NewJSONHandler(&out, nil))).With("service", "test")
	ctx := trace.ContextWithSpanContext(t.Context(), sampled)
	ctx = core.WithRequest(ctx, core.Request{Tenant: "default", CommandID: "ship-1", CorrelationID: "order-7"})
	logger.InfoContext(ctx, "shipped")
	logger.Info("without a command")
	decoder := json.NewDecoder(&out)
	var first, second map[string]any
	if err := decoder.Decode(&first); err != nil {
		t.Fatal(err)
	}
	if err := decoder.Decode(&second); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"trace_id": sampled.TraceID().String(), "span_id": sampled.SpanID().String(), "tenant": "default",
		"command_id": "ship-1", "correlation_id": "order-7", "service": "test",
	} {
		if first[name] != want {
			t.Errorf("%s is %v, not %s", name, first[name], want)
		}
		if _, ok := second[name]; ok != (name == "service") {
			t.Errorf("a line without a command has %s: %v", name, ok)
		}
	}
}
