package observe_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
)

var sampled = trace.NewSpanContext(trace.SpanContextConfig{
	TraceID: trace.TraceID{0x4b, 0xf9}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled,
})

// busy returns metrics that all have a value.
func busy(ctx context.Context) *observe.Metrics {
	m := observe.NewMetrics("test")
	ship := &core.CommandType{Name: "ship", Aggregate: &core.Aggregate{Category: "order"}}
	stream := core.Stream{Tenant: core.DefaultTenant, Category: "order", ID: "1"}
	m.Commands.Executed(ctx, ship, command.Accepted, 3*time.Millisecond)
	m.Commands.Conflicted(ship)
	m.Commands.Appended(ctx, "order", "stored", 2*time.Millisecond)
	m.Commands.Retried(stream)
	m.Commands.Ambiguous(stream)
	m.Commands.Noise("0")
	m.Commands.Loaded(ctx, "order", command.FromSnapshot, time.Millisecond)
	m.Commands.Snapshots(command.SnapshotWritten, 7)
	m.Projections.Applied(ctx, "orders", 12, 4*time.Millisecond, nil)
	m.Projections.Applied(ctx, "orders", 12, 4*time.Millisecond, errors.New("gone"))
	m.Projector(func() []follower.BuildReport {
		return []follower.BuildReport{{
			BuildStatus: port.BuildStatus{Build: core.Build{View: "orders", Version: 2}, State: port.Building, Parked: 3},
			Partitions: []follower.PartitionReport{{
				Position: core.Position{Partition: 1, Sequence: 75}, Known: true, Lag: 25, LagTime: 1500 * time.Millisecond, State: follower.Following,
			}},
		}}
	})
	registry, err := compile.Modules()
	if err != nil {
		panic(err)
	}
	executor, err := command.NewExecutor(registry, nil, nil, command.Config{})
	if err != nil {
		panic(err)
	}
	m.Executor(executor)
	m.Postgres(func() observe.Pool {
		return observe.Pool{Idle: 3, InUse: 2, Max: 10, Acquires: 100, Waits: 4, WaitTime: time.Second}
	})
	m.NATS(func() (bool, uint64) { return true, 2 })
	if _, err := useBus(ctx, m); err != nil {
		panic(err)
	}
	if err := errors.Join(useDeadlines(ctx, m), useProcesses(m)); err != nil {
		panic(err)
	}
	m.HTTPLoad(func() (waiting int, bytes, maxBytes int64) { return 3, 1 << 20, 32 << 20 })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/views/{view}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	m.HTTP.Handler(mux, false).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/views/secret", nil))
	return m
}

func scrape(t *testing.T, m *observe.Metrics, accept string) string {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", accept)
	recorder := httptest.NewRecorder()
	m.Handler().ServeHTTP(recorder, request)
	body, err := io.ReadAll(recorder.Body)
	if err != nil || recorder.Code != http.StatusOK {
		t.Fatalf("%d %v: %s", recorder.Code, err, body)
	}
	return string(body)
}

func parse(t *testing.T, text string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return families
}

var kinds = map[dto.MetricType]observe.Kind{
	dto.MetricType_COUNTER: observe.Counter, dto.MetricType_GAUGE: observe.Gauge, dto.MetricType_HISTOGRAM: observe.Histogram,
}

func TestAScrapeHoldsTheContract(t *testing.T) {
	t.Parallel()
	families := parse(t, scrape(t, busy(t.Context()), "text/plain"))
	for _, m := range observe.Contract() {
		f := families[m.Name]
		if f == nil {
			t.Errorf("%s is not scraped", m.Name)
			continue
		}
		labels := []string{}
		for _, pair := range f.Metric[0].Label {
			labels = append(labels, pair.GetName())
		}
		want := slices.Sorted(slices.Values(m.Labels))
		if slices.Sort(labels); !slices.Equal(labels, want) || kinds[f.GetType()] != m.Kind || f.GetHelp() != m.Help {
			t.Errorf("%s is a %v with labels %v (%s), not a %s with %v (%s)", m.Name, f.GetType(), labels, f.GetHelp(), m.Kind, want, m.Help)
		}
		delete(families, m.Name)
	}
	for name := range families {
		if strings.HasPrefix(name, "orchestrix_") {
			t.Errorf("%s is scraped, and not in the contract", name)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	text := scrape(t, busy(t.Context()), "text/plain")
	for _, want := range []string{
		`orchestrix_commands_total{category="order",command="ship",outcome="accepted"} 1`,
		`orchestrix_snapshots_total{outcome="written"} 7`,
		`orchestrix_projection_commits_total{view="orders"} 12`,
		`orchestrix_projection_failures_total{view="orders"} 1`,
		`orchestrix_projection_lag_commits{build="2",partition="1",view="orders"} 25`,
		`orchestrix_projection_lag_seconds{build="2",partition="1",view="orders"} 1.5`,
		`orchestrix_projection_rebuild_ratio{build="2",view="orders"} 0.75`,
		`orchestrix_projection_state{build="2",partition="1",state="following",view="orders"} 1`,
		`orchestrix_projection_state{build="2",partition="1",state="halted",view="orders"} 0`,
		`orchestrix_postgres_connections{state="in_use"} 2`,
		`orchestrix_http_requests_total{method="GET",route="/v1/views/{view}",status="418"} 1`,
		`orchestrix_http_requests_in_flight 0`,
		`orchestrix_nats_connections 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line\n%s", want)
		}
	}
	if strings.Contains(text, "secret") {
		t.Error("the path of a request is in a label")
	}
}

func TestOpenMetricsCarriesTracesAsExemplars(t *testing.T) {
	t.Parallel()
	text := scrape(t, busy(trace.ContextWithSpanContext(t.Context(), sampled)), "application/openmetrics-text; version=1.0.0")
	if !strings.HasSuffix(text, "# EOF\n") {
		t.Error("this is not OpenMetrics")
	}
	for _, name := range []string{"command", "append", "aggregate_load", "projection_batch", "http_request"} {
		found := false
		for l := range strings.Lines(text) {
			found = found || strings.HasPrefix(l, "orchestrix_"+name+"_duration_seconds_bucket") && strings.Contains(l, `# {trace_id="`+sampled.TraceID().String()+`"}`)
		}
		if !found {
			t.Errorf("%s has no exemplar", name)
		}
	}
}

func TestUnknownRoutesAndMethodsMakeNoSeries(t *testing.T) {
	t.Parallel()
	m := observe.NewMetrics("test")
	handler := m.HTTP.Handler(http.NotFoundHandler(), false)
	for _, method := range []string{"BREW", "STIR", "MIX"} {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, "/"+method, nil))
	}
	want := `orchestrix_http_requests_total{method="other",route="none",status="404"} 3`
	if text := scrape(t, m, "text/plain"); !strings.Contains(text, want) {
		t.Errorf("no line\n%s", want)
	}
}
