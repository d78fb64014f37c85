package observe_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

type (
	tally  struct{ Total int }
	count  struct{ N int }
	counts struct{ N int }
)

var tallyDecider = es.Decider[tally]{
	Category: "tally",
	Decide:   es.Commands[tally]{es.Handle("count", tally.decide)},
	Evolve:   es.Events[tally]{es.Apply("Counted", tally.evolve)},
}

func (t tally) decide(c count) ([]core.Event, error) { return es.Accept(counts(c)) }
func (t tally) evolve(e counts) tally                { return tally{t.Total + e.N} }

// BenchmarkExecute measures the cost of observing a command on a log in memory; the differences count, not the ratios.
// "metrics" minus "plain" is the cost in every service, "traces" minus "metrics" the additional cost of a recorded trace.
func BenchmarkExecute(b *testing.B) {
	metrics := observe.NewMetrics("bench")
	observed := func(h http.Handler) http.Handler { return metrics.HTTP.Handler(h, true) }
	b.Run("plain", func(b *testing.B) { benchmark(b, nil, func(h http.Handler) http.Handler { return h }) })
	b.Run("metrics", func(b *testing.B) { benchmark(b, metrics.Commands, observed) })
	b.Run("traces", func(b *testing.B) {
		provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(tracetest.NewNoopExporter()))
		tracing.SetProvider(provider)
		defer func() { tracing.SetProvider(nil); _ = provider.Shutdown(b.Context()) }()
		benchmark(b, metrics.Commands, observed)
	})
}

func benchmark(b *testing.B, observer command.Observer, observed func(http.Handler) http.Handler) {
	registry, err := compile.Modules(es.Module{Name: "bench", Deciders: []es.DeciderDef{tallyDecider}})
	if err != nil {
		b.Fatal(err)
	}
	executor, err := command.NewExecutor(registry, memory.NewLog(4), nil, command.Config{Observer: observer})
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	handler := observed(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n++
		c := runtime.Command{
			Stream: core.Stream{Tenant: core.DefaultTenant, Category: "tally", ID: strconv.Itoa(n % 1000)},
			Name:   "count", ID: strconv.Itoa(n), Body: []byte(`{"N":1}`),
		}
		if _, err := executor.Execute(r.Context(), c); err != nil {
			b.Fatal(err)
		}
	}))
	request := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/", nil)
	b.ReportAllocs()
	for b.Loop() {
		handler.ServeHTTP(httptest.NewRecorder(), request)
	}
}
