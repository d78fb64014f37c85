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

// Metrics are the metrics of one program. Several services in one program share them.
type Metrics struct {
	registry    *prometheus.Registry
	scrapes     *scrapes
	bus         *busMetrics
	fired       *series[string, firedSeries]
	once        struct{ bus, deadlines, processes sync.Once } // what services of one program share is looked up once
	Commands    *Commands
	Projections *Projections
	HTTP        *HTTP
}

// NewMetrics returns the metrics of a program, those of the Go runtime and of the process among them.
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

// Handler serves the metrics: OpenMetrics, with exemplars, to those who ask for it.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, Registry: m.registry})
}

// series are the time series of a metric by their labels, found once: to find one again neither locks nor allocates.
type series[K comparable, S any] struct {
	create func(K) S
	known  atomic.Pointer[map[K]S]
	mu     sync.Mutex // held by the one who adds
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

// observe adds a time to a histogram, with the trace as its example where that is kept.
func observe(ctx context.Context, h prometheus.Observer, took time.Duration) {
	if s := trace.SpanContextFromContext(ctx); s.IsSampled() {
		if e, ok := h.(prometheus.ExemplarObserver); ok {
			e.ObserveWithExemplar(took.Seconds(), prometheus.Labels{"trace_id": s.TraceID().String()})
			return
		}
	}
	h.Observe(took.Seconds())
}

// scrapes are the metrics that are looked up when somebody asks for them.
type scrapes struct {
	mu    sync.Mutex
	funcs []func(emit)
}

// emit hands out the value of a series.
type emit func(m Metric, value float64, labels ...string)

func (s *scrapes) add(f func(emit)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.funcs = append(s.funcs, f)
}

// Describe implements [prometheus.Collector]. It describes nothing: what there is shows only when it is looked up.
func (s *scrapes) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (s *scrapes) Collect(out chan<- prometheus.Metric) {
	s.mu.Lock()
	funcs := s.funcs
	s.mu.Unlock()
	// What several services of one program say about the same series is added up.
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
