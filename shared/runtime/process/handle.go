package process

import (
	"context"
	"errors"
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

// processHandler handles the commits of one partition for a process runner.
type processHandler struct {
	runner *Runner
	build  core.ViewSpec
}

var _ follower.CommitHandler = (*processHandler)(nil)

// Handle implements [follower.CommitHandler].
func (h *processHandler) Handle(ctx context.Context, b follower.CommitBatch, c follower.Checkpointer) error {
	if err := h.runner.handleCommits(ctx, b); err != nil {
		return err
	}
	return c.Commit(ctx, b, func(ctx context.Context, u port.Update) error {
		return h.runner.store.Apply(ctx, h.build, u, func(port.FoldInput) (port.FoldResult, error) { return port.FoldResult{}, nil })
	})
}

// handleCommits makes instances react to the events of a batch, and carries out the effects that instances have recorded.
func (r *Runner) handleCommits(ctx context.Context, b follower.CommitBatch) error {
	var work instanceWork
	for _, c := range b.Commits {
		if c.IsNoise() {
			continue
		}
		if c.Err != nil {
			r.config.Logger.ErrorContext(ctx, "a commit can't be read: no process reacts to it", "position", c.Position.String(), "error", c.Err)
			continue
		}
		if p, ok := r.registry.ProcessOf(c.Stream.Category); ok {
			handledBefore := c.Position.Sequence <= b.Claimed.Sequence
			work.addTask(c.Stream, func(ctx context.Context) error {
				return r.traced(ctx, p.Name+" effects", c, func(ctx context.Context) error { return r.dispatchCommit(ctx, p, c, handledBefore) })
			})
			continue
		}
		for i, recorded := range c.Events {
			for _, p := range r.triggers[recorded.Type] {
				r.route(&work, p, c, i)
			}
		}
	}
	if err := work.runTasks(ctx, r.config.Parallel); err != nil {
		return err
	}
	return r.config.Failpoint(PointDispatched)
}

// route adds the reaction to event i to the work of the instance that the event is for.
func (r *Runner) route(work *instanceWork, p *core.ProcessType, c *follower.DecodedCommit, i int) {
	t := processes.EventTrigger(&c.Commit, i)
	from := origin(c)
	id, err := "", c.DecodeError(i)
	if err == nil {
		id, err = p.Instance(t.Event.Type, c.Decoded[i], c.Meta(i))
	}
	if err == nil && id == "" {
		return
	}
	if err != nil {
		r.parkUnroutable(work, p, c.Stream.Tenant, t, from, err)
		return
	}
	instance := core.Stream{Tenant: c.Stream.Tenant, Category: p.Aggregate.Category, ID: id}
	work.addTask(instance, func(ctx context.Context) error {
		return r.traced(ctx, p.Name, c, func(ctx context.Context) error {
			if err := r.config.Failpoint(PointTriggered); err != nil {
				return err
			}
			if err := r.react(ctx, p, instance, t, from); err != nil {
				return err
			}
			return r.config.Failpoint(PointReacted)
		})
	})
}

// parkUnroutable adds work that parks an event in an instance of its own, because the event's instance is unknown.
func (r *Runner) parkUnroutable(work *instanceWork, p *core.ProcessType, tenant string, t processes.Trigger, from runtime.Command, cause error) {
	instance, command := processes.ParkLostCommand(p, tenant, t)
	from.Stream = instance
	work.addTask(instance, func(ctx context.Context) error {
		r.config.Logger.ErrorContext(ctx, "the instance of an event can't be found, the event is parked", "parked", instance.String(), "event", t.ID, "error", cause)
		_, err := r.instances.ExecuteInternal(ctx, from, command)
		if errors.Is(err, port.ErrTooLarge) {
			_, command := processes.ParkLostCommand(p, tenant, t.WithoutData())
			_, err = r.instances.ExecuteInternal(ctx, from, command)
		}
		return err
	})
}

// dispatchCommit carries out the effects that an instance has recorded in a commit. With handledBefore, they may have been
// carried out already: the instance's state is then read from the log, so that effects are skipped whose end it has recorded.
func (r *Runner) dispatchCommit(ctx context.Context, p *core.ProcessType, c *follower.DecodedCommit, handledBefore bool) error {
	if err := errors.Join(c.Errs...); err != nil {
		return fmt.Errorf("%s at %s: %w", c.Stream, c.Position, err)
	}
	if err := r.config.Failpoint(PointDispatch); err != nil {
		return err
	}
	state, err := r.instances.LoadState(ctx, p.Aggregate, c.Stream, c.Version, handledBefore)
	if err != nil {
		return err
	}
	instance, _ := state.(processes.Instance)
	d := dispatch{runner: r, process: p, commit: c, instance: &instance}
	for _, event := range c.Decoded {
		if err := d.event(ctx, event); err != nil {
			return fmt.Errorf("%s at %s: %w", c.Stream, c.Position, err)
		}
	}
	return nil
}

// traced does the work on a commit within the commit's trace.
func (r *Runner) traced(ctx context.Context, name string, c *follower.DecodedCommit, do func(context.Context) error) error {
	consumer := tracing.Consumer{System: r.config.System, Name: name, Destination: "events", Partition: c.Position.Partition}
	ctx, spans := consumer.ProcessCommits(ctx, func(yield func(*core.Commit) bool) { yield(&c.Commit) })
	err := do(ctx)
	spans.End(err)
	return err
}

// origin returns a command with the correlation, causation and trace that the commands and deadlines of a commit continue.
func origin(c *follower.DecodedCommit) runtime.Command {
	return runtime.Command{CorrelationID: c.CorrelationID, CausationID: c.Command.ID, Trace: c.Trace}
}
