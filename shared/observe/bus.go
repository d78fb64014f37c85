package observe

import (
	"context"
	"maps"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

// The bus.
var (
	busPublished  = define(Counter, "bus_published_total", "Messages published to the bus by result: stored or failed.", "topic", "outcome")
	busDeliveries = define(Counter, "bus_deliveries_total",
		"Messages handled by result: done, failed (redelivered, or dead after the last attempt) or terminated (dead immediately).", "topic", "group", "outcome")
	busRedeliveries = define(Counter, "bus_redeliveries_total", "Messages delivered again.", "topic", "group")
	busInFlight     = define(Gauge, "bus_in_flight_messages", "Messages in flight.", "topic", "group")
	busDuration     = define(Histogram, "bus_handle_duration_seconds", "Time to handle a message.", "topic", "group")
	busDeadLetters  = define(Gauge, "bus_dead_letters", "Dead letters: messages that could not be handled and are kept; counted up to a hundred.", "topic", "group")
)

// Bus decorates a message bus with spans and metrics: a message carries the trace under which it is published, and is handled
// in that trace.
type Bus struct {
	port.MessageBus
	metrics *busMetrics
}

var _ port.MessageBus = (*Bus)(nil)

type busMetrics struct {
	published *series[[2]string, prometheus.Counter]
	groups    *series[[2]string, groupSeries]
	delivered *series[[3]string, prometheus.Counter]
}

type groupSeries struct {
	inFlight prometheus.Gauge
	again    prometheus.Counter
	duration prometheus.Observer
}

func newBusMetrics(r prometheus.Registerer) *busMetrics {
	published, delivered := busPublished.counter(r), busDeliveries.counter(r)
	inFlight, again, duration := busInFlight.gauge(r), busRedeliveries.counter(r), busDuration.histogram(r)
	return &busMetrics{
		published: newSeries(func(k [2]string) prometheus.Counter { return published.WithLabelValues(k[0], k[1]) }),
		delivered: newSeries(func(k [3]string) prometheus.Counter { return delivered.WithLabelValues(k[0], k[1], k[2]) }),
		groups: newSeries(func(k [2]string) groupSeries {
			return groupSeries{inFlight.WithLabelValues(k[0], k[1]), again.WithLabelValues(k[0], k[1]), duration.WithLabelValues(k[0], k[1])}
		}),
	}
}

// Bus returns next with spans and metrics.
func (m *Metrics) Bus(next port.MessageBus) *Bus {
	m.once.bus.Do(func() { m.deadLetters(next) })
	return &Bus{MessageBus: next, metrics: m.bus}
}

func (m *Metrics) deadLetters(next port.DeadLetters) {
	letters := cachedFor(lookupAge, func(ctx context.Context) (map[[2]string]int, error) {
		found, err := next.DeadLetters(ctx, port.DeadLetterQuery{})
		counts := map[[2]string]int{}
		for _, letter := range found {
			counts[[2]string{string(letter.Topic), letter.Group}]++
		}
		return counts, err
	})
	m.scrapes.add(func(emit emit) {
		for k, count := range letters() {
			emit(busDeadLetters, float64(count), k[0], k[1])
		}
	})
}

// Headers of a message that hold its trace.
const (
	traceParent = "traceparent"
	traceState  = "tracestate"
)

// Publish implements [port.Publisher]. The message carries the span of its publication.
func (b *Bus) Publish(ctx context.Context, topic port.Topic, m port.Message) error {
	ctx = tracing.Continue(ctx, core.Trace{Parent: m.Header[traceParent], State: m.Header[traceState]})
	ctx, span := tracing.Send(ctx, "nats", "orx."+string(topic), m.ID)
	if t := tracing.FromContext(ctx); t.Parent != "" {
		m.Header = withTrace(m.Header, t)
	}
	err := b.MessageBus.Publish(ctx, topic, m)
	tracing.End(span, err)
	result := "stored"
	if err != nil {
		result = "failed"
	}
	b.metrics.published.of([2]string{string(topic), result}).Inc()
	return err
}

func withTrace(header map[string]string, t core.Trace) map[string]string {
	header = maps.Clone(header)
	if header == nil {
		header = map[string]string{}
	}
	header[traceParent] = t.Parent
	if t.State != "" {
		header[traceState] = t.State
	}
	return header
}

// Subscribe implements [port.Subscriber]. The handler runs in the message's trace.
func (b *Bus) Subscribe(ctx context.Context, topic port.Topic, s port.Subscription, handle port.Handler) error {
	series := b.metrics.groups.of([2]string{string(topic), s.Group})
	consumer := tracing.Consumer{System: "nats", Name: s.Group, Destination: "orx." + string(topic), Partition: -1}
	return b.MessageBus.Subscribe(ctx, topic, s, func(ctx context.Context, d port.Delivery) error {
		started := time.Now()
		series.inFlight.Inc()
		if d.Attempt > 1 {
			series.again.Inc()
		}
		ctx, span := consumer.Process(ctx, core.Trace{Parent: d.Header[traceParent], State: d.Header[traceState]})
		result := "failed" // if the handler panics
		defer func() {
			series.inFlight.Dec()
			b.metrics.delivered.of([3]string{string(topic), s.Group, result}).Inc()
			observe(ctx, series.duration, time.Since(started))
		}()
		err := handle(ctx, d)
		tracing.End(span, err)
		switch {
		case err == nil:
			result = "done"
		case port.IsTerminated(err):
			result = "terminated"
		}
		return err
	})
}
