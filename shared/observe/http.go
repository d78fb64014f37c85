package observe

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

// HTTP holds the metrics of HTTP requests.
type HTTP struct {
	inFlight prometheus.Gauge
	served   *series[request, servedSeries]
}

type request struct {
	method, route string
	status        int
}

type servedSeries struct {
	total    prometheus.Counter
	duration prometheus.Observer
}

func newHTTP(r prometheus.Registerer) *HTTP {
	requests, duration := httpRequests.counter(r), httpDuration.histogram(r)
	return &HTTP{
		inFlight: httpInFlight.gauge(r).WithLabelValues(),
		served: newSeries(func(k request) servedSeries {
			return servedSeries{requests.WithLabelValues(k.method, k.route, strconv.Itoa(k.status)), duration.WithLabelValues(k.method, k.route)}
		}),
	}
}

// Handler returns next with a trace and metrics for every request. If spans are not recorded, the request continues the trace
// that its client names, or gets a new trace id, so that problem details and log lines can be correlated. With trustSampling, a
// client that has sampled its trace makes this program record it; without, the sampler of this program decides as for a new trace.
func (h *HTTP) Handler(next http.Handler, trustSampling bool) http.Handler {
	measured := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, next) }))
	traced := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		measured.ServeHTTP(w, r.WithContext(withID(r.Context(), r.Header)))
	}))
	if tracing.Enabled() {
		traced = otelhttp.NewHandler(measured, "request")
	}
	if trustSampling {
		return traced
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sampleAnew(r.Context(), r.Header)
		traced.ServeHTTP(w, r)
	})
}

// sampleAnew takes the mark "sampled" from the trace of a client, unless the sampler of this program would keep a new trace.
func sampleAnew(ctx context.Context, h http.Header) {
	parent := h.Get(traceParent)
	if parent == "" {
		return
	}
	client := trace.SpanContextFromContext(tracing.Continue(context.Background(), core.Trace{Parent: parent}))
	if !client.IsSampled() || tracing.SamplesNew(ctx) {
		return
	}
	unsampled := trace.ContextWithSpanContext(context.Background(), client.WithTraceFlags(client.TraceFlags().WithSampled(false)))
	h.Set(traceParent, tracing.FromContext(unsampled).Parent)
}

// withID continues the client's trace, or generates an id.
func withID(ctx context.Context, h http.Header) context.Context {
	ctx = tracing.Continue(ctx, core.Trace{Parent: h.Get(traceParent), State: h.Get("tracestate")})
	if trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	var config trace.SpanContextConfig
	binary.BigEndian.PutUint64(config.TraceID[:8], rand.Uint64())
	binary.BigEndian.PutUint64(config.TraceID[8:], rand.Uint64()|1) // never all zero
	binary.BigEndian.PutUint64(config.SpanID[:], rand.Uint64()|1)
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(config))
}

func (h *HTTP) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	started := time.Now()
	h.inFlight.Inc()
	recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
	defer func() {
		h.inFlight.Dec()
		s := h.served.of(request{method: methodOf(r.Method), route: routeOf(r.Pattern), status: recorder.status})
		s.total.Inc()
		observe(r.Context(), s.duration, time.Since(started))
	}()
	next.ServeHTTP(recorder, r)
}

// routeOf returns the path of a pattern, such as "/v1/views/{view}"; "none" for requests without a route.
func routeOf(pattern string) string {
	if i := strings.IndexByte(pattern, '/'); i >= 0 && pattern != "/" {
		return pattern[i:]
	}
	return "none"
}

// methodOf maps unknown methods to "other": a client must not create series.
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions:
		return method
	}
	return "other"
}

// statusRecorder records the status.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (w *statusRecorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap gives [http.ResponseController] access to the connection.
func (w *statusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// HTTPLoad exports what an HTTP API holds, and the maximum of its bytes.
func (m *Metrics) HTTPLoad(load func() (waiting int, bytes, maxBytes int64)) {
	m.scrapes.add(func(emit emit) {
		waiting, bytes, maxBytes := load()
		emit(httpWaiting, float64(waiting))
		emit(httpBytes, float64(bytes))
		emit(httpMaxBytes, float64(maxBytes))
	})
}
