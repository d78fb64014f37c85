package process

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

// Fire makes a pending deadline of an instance pass now; name is its name, or its name in the store. The instance reacts to it
// once, also where the store fires it too: both deliver the same trigger. A parked instance queues it. The store may be
// unavailable. Fire returns [core.ErrNotFound] if there is no such process or instance, [*core.Rejection] with the code
// "deadline-not-pending", and the errors of [command.Executor.Execute].
func (r *Runner) Fire(ctx context.Context, instance core.Stream, name string, by core.Action) error {
	state, err := r.Instance(ctx, instance)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(state.Deadlines, func(d processes.SetDeadline) bool { return d.Name == name || d.Key() == name })
	if i < 0 {
		return notPending(name, state.Deadlines)
	}
	set := state.Deadlines[i]
	p, err := r.process(instance.Category)
	if err != nil {
		return err
	}
	result, err := r.deliver(ctx, p, instance, processes.FiredTrigger(set, by), r.originOf(ctx, instance, set))
	if err != nil {
		return err
	}
	if result.Repeated || len(result.Events) == 0 { // it has passed or was cancelled meanwhile
		return notPending(name, slices.Concat(state.Deadlines[:i], state.Deadlines[i+1:])) // the state is shared with other readers
	}
	ctx, cancel := context.WithTimeout(ctx, fireTimeout)
	defer cancel()
	if err := r.deadlines.CancelDeadline(ctx, instance, set.Key()); err != nil {
		r.config.Logger.WarnContext(ctx, "a deadline that an operator has fired is still in the store; the instance will ignore it",
			"instance", instance.String(), "deadline", name, "error", err)
	}
	return nil
}

// fireTimeout is how long [Runner.Fire] waits for the store, before the reaction and after it.
const fireTimeout = 5 * time.Second

// originOf returns the correlation, causation and trace of a deadline, which only the store has; none if it has fired there, or if
// the store is unavailable.
func (r *Runner) originOf(ctx context.Context, instance core.Stream, set processes.SetDeadline) runtime.Command {
	ctx, cancel := context.WithTimeout(ctx, fireTimeout)
	defer cancel()
	pending, err := r.deadlines.PendingDeadlines(ctx, port.DeadlineQuery{Category: instance.Category, ID: instance.ID})
	if err != nil {
		r.config.Logger.WarnContext(ctx, "the origin of a deadline can't be read: what follows from it has a correlation of its own",
			"instance", instance.String(), "deadline", set.Name, "error", err)
	}
	for _, d := range pending {
		if d.Of == instance && d.ID == set.ID {
			return originOfDeadline(d)
		}
	}
	return runtime.Command{}
}

func notPending(name string, pending []processes.SetDeadline) error {
	names := make([]string, len(pending))
	for i, d := range pending {
		names[i] = d.Name
	}
	others := "none is"
	if len(names) > 0 {
		others = "there are: " + strings.Join(names, ", ")
	}
	return &core.Rejection{Code: "deadline-not-pending", Message: fmt.Sprintf("no deadline %.100q of the instance is pending; %s", name, others)}
}
