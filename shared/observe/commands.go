package observe

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
)

// Commands holds the metrics of commands.
type Commands struct {
	executed  *series[executed, executedSeries]
	conflicts *series[string, prometheus.Counter]
	appended  *series[[2]string, appendedSeries]
	retries   *series[string, prometheus.Counter]
	ambiguous *series[string, prometheus.Counter]
	noise     *series[string, prometheus.Counter]
	loaded    *series[[2]string, loadedSeries]
	snapshots *series[string, prometheus.Counter]
}

var _ command.Observer = (*Commands)(nil)

type executed struct {
	command *core.CommandType
	result  command.ResultLabel
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
			return executedSeries{total.WithLabelValues(category, command, string(k.result)), duration.WithLabelValues(category, command)}
		}),
		appended: newSeries(func(k [2]string) appendedSeries {
			return appendedSeries{stored.WithLabelValues(k[0], k[1]), storing.WithLabelValues(k[0])}
		}),
		loaded: newSeries(func(k [2]string) loadedSeries {
			s := loadedSeries{total: loaded.WithLabelValues(k[0], k[1])}
			if source := command.LoadSource(k[1]); source != command.FromCache && source != command.FromAssumption {
				s.duration = loading.WithLabelValues(k[0], k[1])
			}
			return s
		}),
		conflicts: oneLabel(conflictRetries.counter(r)), retries: oneLabel(appendRetries.counter(r)),
		ambiguous: oneLabel(ambiguousAcks.counter(r)), noise: oneLabel(logNoise.counter(r)), snapshots: oneLabel(snapshots.counter(r)),
	}
}

func oneLabel(v *prometheus.CounterVec) *series[string, prometheus.Counter] {
	return newSeries(func(label string) prometheus.Counter { return v.WithLabelValues(label) })
}

// Executed implements [command.Observer].
func (c *Commands) Executed(ctx context.Context, t *core.CommandType, result command.ResultLabel, took time.Duration) {
	s := c.executed.of(executed{t, result})
	s.total.Inc()
	observe(ctx, s.duration, took)
}

// Conflicted implements [command.Observer].
func (c *Commands) Conflicted(t *core.CommandType) { c.conflicts.of(t.Aggregate.Category).Inc() }

// Appended implements [command.Observer].
func (c *Commands) Appended(ctx context.Context, category, result string, took time.Duration) {
	s := c.appended.of([2]string{category, result})
	s.total.Inc()
	observe(ctx, s.duration, took)
}

// Retried counts an append that is published again.
func (c *Commands) Retried(s core.Stream) { c.retries.of(s.Category).Inc() }

// Noise counts a message of the log that is no commit.
func (c *Commands) Noise(partition string) { c.noise.of(partition).Inc() }

// Ambiguous counts an append whose answer was lost.
func (c *Commands) Ambiguous(s core.Stream) { c.ambiguous.of(s.Category).Inc() }

// Loaded implements [command.Observer].
func (c *Commands) Loaded(ctx context.Context, category string, source command.LoadSource, took time.Duration) {
	s := c.loaded.of([2]string{category, string(source)})
	s.total.Inc()
	if s.duration != nil {
		observe(ctx, s.duration, took)
	}
}

// Snapshots implements [command.Observer].
func (c *Commands) Snapshots(result command.SnapshotResult, count int) {
	c.snapshots.of(string(result)).Add(float64(count))
}

// Executor adds the number of aggregates in an executor's cache.
func (m *Metrics) Executor(x *command.Executor) {
	m.scrapes.add(func(emit emit) { emit(cached, float64(x.Cached())) })
}
