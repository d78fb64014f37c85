package observe

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

// The deadlines.
var (
	deadlinesFired   = define(Counter, "deadlines_fired_total", "Deadlines that have passed and were delivered.", "process")
	deadlineLateness = define(Histogram, "deadline_lateness_seconds", "Delay between a deadline and its delivery.", "process")
	deadlinesPending = define(Gauge, "deadlines_pending", "Deadlines that have not fired; counted up to a thousand.", "process")
	deadlinesOverdue = define(Gauge, "deadlines_late", "Deadlines that have not fired more than ten seconds after their time.", "process")
)

const (
	maxDeadlines = 1000 // read per scrape: the store reads each one
	lateAfter    = 10 * time.Second
)

// Deadlines decorates deadlines with spans and metrics.
type Deadlines struct {
	port.Deadlines
	fired *series[string, firedSeries]
}

var _ port.Deadlines = (*Deadlines)(nil)

type firedSeries struct {
	total    prometheus.Counter
	lateness prometheus.Observer
}

func newFired(r prometheus.Registerer) *series[string, firedSeries] {
	total, lateness := deadlinesFired.counter(r), deadlineLateness.histogram(r)
	return newSeries(func(process string) firedSeries {
		return firedSeries{total.WithLabelValues(process), lateness.WithLabelValues(process)}
	})
}

// Deadlines returns next with spans and metrics.
func (m *Metrics) Deadlines(next port.Deadlines) *Deadlines {
	m.once.deadlines.Do(func() { m.pendingDeadlines(next) })
	return &Deadlines{Deadlines: next, fired: m.fired}
}

func (m *Metrics) pendingDeadlines(next port.Deadlines) {
	type counts struct{ pending, late int }
	pending := cachedFor(lookupAge, func(ctx context.Context) (map[string]counts, error) {
		found, err := next.PendingDeadlines(ctx, port.DeadlineQuery{Limit: maxDeadlines})
		byProcess, late := map[string]counts{}, time.Now().Add(-lateAfter)
		for _, d := range found {
			c := byProcess[processOf(d.Of)]
			c.pending++
			if d.At.Before(late) {
				c.late++
			}
			byProcess[processOf(d.Of)] = c
		}
		return byProcess, err
	})
	m.scrapes.add(func(emit emit) {
		for process, c := range pending() {
			emit(deadlinesPending, float64(c.pending), process)
			emit(deadlinesOverdue, float64(c.late), process)
		}
	})
}

// processOf is the name of an instance's process.
func processOf(instance core.Stream) string { return strings.TrimPrefix(instance.Category, "process-") }

// Due implements [port.Deadlines]. A deadline is handled in the trace in which it was set.
func (d *Deadlines) Due(ctx context.Context, s port.Subscription, handle func(context.Context, port.Deadline) error) error {
	consumer := tracing.Consumer{System: "nats", Name: s.Group, Destination: "deadlines", Partition: -1}
	return d.Deadlines.Due(ctx, s, func(ctx context.Context, due port.Deadline) error {
		series := d.fired.of(processOf(due.Of))
		series.total.Inc()
		series.lateness.Observe(max(0, time.Since(due.At)).Seconds())
		ctx, span := consumer.Process(ctx, due.Trace)
		err := handle(ctx, due)
		tracing.End(span, err)
		return err
	})
}
