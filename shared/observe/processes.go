package observe

import (
	"context"
	"strings"

	"orchestrix/shared/es"
	"orchestrix/shared/runtime"
)

var processInstances = define(Gauge, "process_instances", "Instances that have not ended, by status: running, compensating or parked; counted up to ten thousand per status.", "process", "status")

const maxCounted = 10_000 // of one status

// countedStatuses are the statuses of instances that have not ended: the number of ended ones only grows.
var countedStatuses = []es.ProcessStatus{es.StatusRunning, es.StatusCompensating, es.StatusParked}

// Processes adds the progress of the process runner in the log, and the number of instances, read from their view.
func (m *Metrics) Processes(runner *runtime.ProcessRunner, views es.ViewReader) {
	m.once.processes.Do(func() { m.processes(runner, views) })
}

func (m *Metrics) processes(runner *runtime.ProcessRunner, views es.ViewReader) {
	build := es.BuildStatus{Build: es.Build{View: runtime.ProcessFollower, Version: 1}, State: es.Active}
	m.scrapes.add(func(emit emit) {
		emitBuild(emit, runtime.BuildReport{BuildStatus: build, Partitions: runner.Status()})
	})
	instances := cachedFor(lookupAge, func(ctx context.Context) (map[[2]string]int, error) { return countInstances(ctx, views) })
	m.scrapes.add(func(emit emit) {
		for k, count := range instances() {
			emit(processInstances, float64(count), k[0], k[1])
		}
	})
}

// countInstances counts instances by process and status.
func countInstances(ctx context.Context, views es.ViewReader) (map[[2]string]int, error) {
	counts := map[[2]string]int{}
	for _, status := range countedStatuses {
		query := es.ListQuery{Filter: []es.FieldValue{{Field: "status", Value: string(status)}}, Limit: es.MaxListLimit}
		for counted := 0; counted < maxCounted; {
			list, err := views.List(ctx, es.ProcessesView, es.DefaultTenant, query)
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
