package process

import (
	"context"
	"errors"
	"sync"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// instanceWork is the work of a batch by instance. The work of one instance is done in order, that of several instances
// concurrently.
type instanceWork struct {
	order []core.Stream
	tasks map[core.Stream][]func(context.Context) error
}

func (w *instanceWork) addTask(instance core.Stream, task func(context.Context) error) {
	if w.tasks == nil {
		w.tasks = map[core.Stream][]func(context.Context) error{}
	}
	if w.tasks[instance] == nil {
		w.order = append(w.order, instance)
	}
	w.tasks[instance] = append(w.tasks[instance], task)
}

// runTasks runs the tasks: those of one instance in order, and those of up to parallel instances concurrently. The failure of one
// instance does not stop the others; the error joins those of all instances.
func (w *instanceWork) runTasks(ctx context.Context, parallel int) error {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, parallel)
	errs := make([]error, len(w.order))
	for i, instance := range w.order {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			for _, task := range w.tasks[instance] {
				if errs[i] = task(ctx); errs[i] != nil {
					return
				}
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}
