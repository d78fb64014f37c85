package observe

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
	"github.com/orchestrix-go/orchestrix/shared/runtime/projection"
)

// Projections holds the metrics of applied commits. [Metrics.Projector] adds the progress of each build.
type Projections struct {
	views *series[string, viewSeries]
}

var _ projection.Observer = (*Projections)(nil)

type viewSeries struct {
	commits, failures prometheus.Counter
	batch, duration   prometheus.Observer
}

func newProjections(r prometheus.Registerer) *Projections {
	commits, failures := projectionCommits.counter(r), projectionFailures.counter(r)
	batch, duration := projectionBatch.histogram(r), projectionDuration.histogram(r)
	return &Projections{views: newSeries(func(view string) viewSeries {
		return viewSeries{commits.WithLabelValues(view), failures.WithLabelValues(view), batch.WithLabelValues(view), duration.WithLabelValues(view)}
	})}
}

// Applied implements [projection.Observer].
func (p *Projections) Applied(ctx context.Context, view string, commits int, took time.Duration, err error) {
	s := p.views.of(view)
	if err != nil {
		s.failures.Inc()
		return
	}
	s.commits.Add(float64(commits))
	s.batch.Observe(float64(commits))
	observe(ctx, s.duration, took)
}

var projectionStates = []follower.State{follower.Elsewhere, follower.Following, follower.Retrying, follower.Halted, follower.Idle}

// Projector adds the progress of the projections. Each instance reports all of them from their checkpoints, and those that it
// works on from memory.
func (m *Metrics) Projector(status func() []follower.BuildReport) {
	m.scrapes.add(func(emit emit) {
		for _, b := range status() {
			if b.State != port.Active && b.State != port.Building || b.View == runtime.ProcessCheckpointName {
				continue // see [Metrics.Processes]
			}
			emitBuild(emit, b)
		}
	})
}

func emitBuild(emit emit, b follower.BuildReport) {
	view, build := b.View, b.Number()
	emit(projectionParked, float64(b.Parked), view, build)
	if b.State == port.Building {
		share, _ := b.Progress()
		emit(projectionBuilt, share, view, build)
	}
	for _, p := range b.Partitions {
		partition := strconv.Itoa(p.Position.Partition)
		emit(projectionPosition, float64(p.Position.Sequence), view, build, partition)
		if p.Known {
			emit(projectionLag, float64(p.Lag), view, build, partition)
			emit(projectionLagTime, p.LagTime.Seconds(), view, build, partition)
		}
		for _, state := range projectionStates {
			value := 0.0
			if p.State == state {
				value = 1
			}
			emit(projectionState, value, view, build, partition, string(state))
		}
	}
}
