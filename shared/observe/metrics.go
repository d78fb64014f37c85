package observe

import (
	"context"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/trace"
)

// Metrics holds the metrics of one program, which its services share.
type Metrics struct {
	registry    *prometheus.Registry
	scrapes     *scrapes
	bus         *busMetrics
	fired       *series[string, firedSeries]
	once        struct{ bus, deadlines, processes sync.Once } // state that several services of one program share is read once
	Commands    *Commands
	Projections *Projections
	HTTP        *HTTP
}

// NewMetrics returns the metrics of a program, including those of the Go runtime and the process.
func NewMetrics(service string) *Metrics {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsScheduler)),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	info := thisBuild()
	buildInfo.gauge(r).WithLabelValues(service, info.version, info.revision, info.goVersion).Set(1)
	m := &Metrics{
		registry: r, scrapes: &scrapes{}, bus: newBusMetrics(r), fired: newFired(r),
		Commands: newCommands(r), Projections: newProjections(r), HTTP: newHTTP(r),
	}
	r.MustRegister(m.scrapes)
	return m
}

// Handler serves the metrics; clients that accept OpenMetrics get exemplars too.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, Registry: m.registry})
}

// series caches the time series of a metric by their labels. A lookup of a known series takes no lock: see BenchmarkSeries.
type series[K comparable, S any] struct {
	create func(K) S
	known  atomic.Pointer[map[K]S]
	mu     sync.Mutex // held to add a series
}

func newSeries[K comparable, S any](create func(K) S) *series[K, S] {
	s := &series[K, S]{create: create}
	s.known.Store(&map[K]S{})
	return s
}

func (s *series[K, S]) of(key K) S {
	if found, ok := (*s.known.Load())[key]; ok {
		return found
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, ok := (*s.known.Load())[key]; ok {
		return found
	}
	grown := maps.Clone(*s.known.Load())
	grown[key] = s.create(key)
	s.known.Store(&grown)
	return grown[key]
}

// observe adds a duration to a histogram, with the trace as exemplar if the trace is sampled.
func observe(ctx context.Context, h prometheus.Observer, took time.Duration) {
	if s := trace.SpanContextFromContext(ctx); s.IsSampled() {
		if e, ok := h.(prometheus.ExemplarObserver); ok {
			e.ObserveWithExemplar(took.Seconds(), prometheus.Labels{"trace_id": s.TraceID().String()})
			return
		}
	}
	h.Observe(took.Seconds())
}

// scrapes collects the metrics that are read when Prometheus scrapes.
type scrapes struct {
	mu    sync.Mutex
	funcs []func(emit)
}

// emit reports the value of a series.
type emit func(m Metric, value float64, labels ...string)

func (s *scrapes) add(f func(emit)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.funcs = append(s.funcs, f)
}

// Describe implements [prometheus.Collector]. It describes nothing: the series are known only at the scrape.
func (s *scrapes) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (s *scrapes) Collect(out chan<- prometheus.Metric) {
	s.mu.Lock()
	funcs := s.funcs
	s.mu.Unlock()
	// Values that several services of one program report for the same series are added.
	type sample struct {
		metric Metric
		labels []string
		value  float64
	}
	samples := map[string]*sample{}
	for _, f := range funcs {
		f(func(m Metric, value float64, labels ...string) {
			key := m.Name
			for _, l := range labels {
				key += "\x00" + l
			}
			if samples[key] == nil {
				samples[key] = &sample{metric: m, labels: labels}
			}
			samples[key].value += value
		})
	}
	for _, s := range samples {
		kind := prometheus.GaugeValue
		if s.metric.Kind == Counter {
			kind = prometheus.CounterValue
		}
		out <- prometheus.MustNewConstMetric(s.metric.desc(), kind, s.value, s.labels...)
	}
}
