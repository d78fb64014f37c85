package observe

import (
	"context"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
	"github.com/orchestrix-go/orchestrix/shared/runtime/process"
)

var processInstances = define(Gauge, "process_instances", "Instances that have not ended, by status: running, compensating or parked; counted up to ten thousand per status.", "process", "status")

const maxCounted = 10_000 // of one status

// countedStatuses are the statuses of instances that have not ended: the number of ended ones only grows.
var countedStatuses = []processes.Status{processes.StatusRunning, processes.StatusCompensating, processes.StatusParked}

// Processes adds the progress of the process runner in the log, and the number of instances, read from their view.
func (m *Metrics) Processes(runner *process.Runner, views port.ViewReader) {
	m.once.processes.Do(func() { m.processes(runner, views) })
}

func (m *Metrics) processes(runner *process.Runner, views port.ViewReader) {
	build := port.BuildStatus{Build: core.Build{View: runtime.ProcessCheckpointName, Version: 1}, State: port.Active}
	m.scrapes.add(func(emit emit) {
		emitBuild(emit, follower.BuildReport{BuildStatus: build, Partitions: runner.Status()})
	})
	instances := cachedFor(lookupAge, func(ctx context.Context) (map[[2]string]int, error) { return countInstances(ctx, views) })
	m.scrapes.add(func(emit emit) {
		for k, count := range instances() {
			emit(processInstances, float64(count), k[0], k[1])
		}
	})
}

// countInstances counts instances by process and status.
func countInstances(ctx context.Context, views port.ViewReader) (map[[2]string]int, error) {
	counts := map[[2]string]int{}
	for _, status := range countedStatuses {
		query := core.ListQuery{Filter: []core.FieldValue{{Field: "status", Value: string(status)}}, Limit: core.MaxListLimit}
		for counted := 0; counted < maxCounted; {
			list, err := views.List(ctx, processes.ViewName, core.DefaultTenant, query)
			if err != nil {
				return nil, err
			}
			for _, d := range list.Items {
				process, _, _ := strings.Cut(d.Key, ":")
				counts[[2]string{process, string(status)}]++
			}
			counted += len(list.Items)
			if query.Cursor = list.Next; query.Cursor == "" {
				break
			}
		}
	}
	return counts, nil
}
