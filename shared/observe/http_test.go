package observe_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

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
			}))
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
