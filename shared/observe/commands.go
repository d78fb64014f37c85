package observe

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orchestrix/shared/es"
	"orchestrix/shared/runtime"
)

// Commands holds the metrics of commands.
type Commands struct {
	executed  *series[executed, executedSeries]
	conflicts *series[string, prometheus.Counter]
	appended  *series[[2]string, appendedSeries]
	retries   *series[string, prometheus.Counter]
	ambiguous *series[string, prometheus.Counter]
	loaded    *series[[2]string, loadedSeries]
	snapshots *series[string, prometheus.Counter]
}

var _ runtime.CommandObserver = (*Commands)(nil)

type executed struct {
	command *es.CommandType
	outcome runtime.CommandResult
}

type executedSeries struct {
	total    prometheus.Counter
	duration prometheus.Observer
}

type appendedSeries struct {
	total    prometheus.Counter
	duration prometheus.Observer
}

type loadedSeries struct {
	total    prometheus.Counter
	duration prometheus.Observer // nil for sources that read nothing
}

func newCommands(r prometheus.Registerer) *Commands {
	total, duration := commands.counter(r), commandDuration.histogram(r)
	stored, storing := appends.counter(r), appendDuration.histogram(r)
	loaded, loading := loads.counter(r), loadDuration.histogram(r)
	return &Commands{
		executed: newSeries(func(k executed) executedSeries {
			category, command := k.command.Aggregate.Category, k.command.Name
			return executedSeries{total.WithLabelValues(category, command, string(k.outcome)), duration.WithLabelValues(category, command)}
		}),
		appended: newSeries(func(k [2]string) appendedSeries {
			return appendedSeries{stored.WithLabelValues(k[0], k[1]), storing.WithLabelValues(k[0])}
		}),
		loaded: newSeries(func(k [2]string) loadedSeries {
			s := loadedSeries{total: loaded.WithLabelValues(k[0], k[1])}
			if source := runtime.LoadSource(k[1]); source != runtime.FromCache && source != runtime.FromGuess {
				s.duration = loading.WithLabelValues(k[0], k[1])
			}
			return s
		}),
		conflicts: oneLabel(conflictRetries.counter(r)), retries: oneLabel(appendRetries.counter(r)),
		ambiguous: oneLabel(ambiguousAcks.counter(r)), snapshots: oneLabel(snapshots.counter(r)),
	}
}

func oneLabel(v *prometheus.CounterVec) *series[string, prometheus.Counter] {
	return newSeries(func(label string) prometheus.Counter { return v.WithLabelValues(label) })
}

// Executed implements [runtime.CommandObserver].
func (c *Commands) Executed(ctx context.Context, t *es.CommandType, outcome runtime.CommandResult, took time.Duration) {
	s := c.executed.of(executed{t, outcome})
	s.total.Inc()
	observe(ctx, s.duration, took)
}

// Conflicted implements [runtime.CommandObserver].
func (c *Commands) Conflicted(t *es.CommandType) { c.conflicts.of(t.Aggregate.Category).Inc() }

// Appended implements [runtime.CommandObserver].
func (c *Commands) Appended(ctx context.Context, category, outcome string, took time.Duration) {
	s := c.appended.of([2]string{category, outcome})
	s.total.Inc()
	observe(ctx, s.duration, took)
}

// Retried counts an append that is published again.
func (c *Commands) Retried(s es.Stream) { c.retries.of(s.Category).Inc() }

// Ambiguous counts an append whose answer was lost.
func (c *Commands) Ambiguous(s es.Stream) { c.ambiguous.of(s.Category).Inc() }

// Loaded implements [runtime.CommandObserver].
func (c *Commands) Loaded(ctx context.Context, category string, source runtime.LoadSource, took time.Duration) {
	s := c.loaded.of([2]string{category, string(source)})
	s.total.Inc()
	if s.duration != nil {
		observe(ctx, s.duration, took)
	}
}

// Snapshots implements [runtime.CommandObserver].
func (c *Commands) Snapshots(outcome runtime.SnapshotResult, count int) {
	c.snapshots.of(string(outcome)).Add(float64(count))
}

// Executor adds the number of aggregates in an executor's cache.
func (m *Metrics) Executor(x *runtime.Executor) {
	m.scrapes.add(func(emit emit) { emit(cached, float64(x.Cached())) })
}
