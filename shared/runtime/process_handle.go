package runtime

import (
	"context"
	"errors"
	"fmt"

	"orchestrix/shared/es"
	"orchestrix/shared/tracing"
)

// processHandler handles the commits of one partition for a process runner.
type processHandler struct {
	runner *ProcessRunner
	build  es.ViewSpec
}

var _ CommitHandler = (*processHandler)(nil)

// Handle implements [CommitHandler].
func (h *processHandler) Handle(ctx context.Context, b CommitBatch, c Checkpointer) error {
	if err := h.runner.handleCommits(ctx, b); err != nil {
		return err
	}
	return c.Commit(ctx, b, func(ctx context.Context, u es.Update) error {
		return h.runner.store.Apply(ctx, h.build, u, func(es.Current) (es.Outcome, error) { return es.Outcome{}, nil })
	})
}

// handleCommits makes instances react to the events of a batch, and carries out the effects that instances have recorded.
func (r *ProcessRunner) handleCommits(ctx context.Context, b CommitBatch) error {
	var work instanceWork
	for _, c := range b.Commits {
		if c.Err != nil {
			r.config.Logger.ErrorContext(ctx, "a commit can't be read: no process reacts to it", "position", c.Position.String(), "error", c.Err)
			continue
		}
		if p, ok := r.registry.ProcessOf(c.Stream.Category); ok {
			handledBefore := c.Position.Sequence <= b.Claimed.Sequence
			work.add(c.Stream, func(ctx context.Context) error {
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
	if err := work.run(ctx, r.config.Parallel); err != nil {
		return err
	}
	return r.config.Failpoint(PointDispatched)
}

// route adds the reaction to event i to the work of the instance that the event is for.
func (r *ProcessRunner) route(work *instanceWork, p *es.ProcessType, c *DecodedCommit, i int) {
	t := es.EventTrigger(&c.Commit, i)
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
	instance := es.Stream{Tenant: c.Stream.Tenant, Category: p.Aggregate.Category, ID: id}
	work.add(instance, func(ctx context.Context) error {
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

// parkUnroutable adds to the work that an event is parked in an instance of its own, as its instance is unknown.
func (r *ProcessRunner) parkUnroutable(work *instanceWork, p *es.ProcessType, tenant string, t es.Trigger, from Command, cause error) {
	instance, command := es.LoseCommand(p, tenant, t)
	from.Stream = instance
	work.add(instance, func(ctx context.Context) error {
		r.config.Logger.ErrorContext(ctx, "the instance of an event can't be found, the event is parked", "parked", instance.String(), "event", t.ID, "error", cause)
		_, err := r.instances.executeInternal(ctx, from, command)
		if errors.Is(err, es.ErrTooLarge) {
			_, command := es.LoseCommand(p, tenant, t.WithoutData())
			_, err = r.instances.executeInternal(ctx, from, command)
		}
		return err
	})
}

// dispatchCommit carries out the effects that an instance has recorded in a commit. With handledBefore, they may have been
// carried out already: the instance's state is then read from the log, so that effects are skipped whose end it has recorded.
func (r *ProcessRunner) dispatchCommit(ctx context.Context, p *es.ProcessType, c *DecodedCommit, handledBefore bool) error {
	if err := errors.Join(c.Errs...); err != nil {
		return fmt.Errorf("%s at %s: %w", c.Stream, c.Position, err)
	}
	if err := r.config.Failpoint(PointDispatch); err != nil {
		return err
	}
	state, err := r.instances.loadState(ctx, p.Aggregate, c.Stream, c.Version, handledBefore)
	if err != nil {
		return err
	}
	instance, _ := state.(es.ProcessInstance)
	d := dispatch{runner: r, process: p, commit: c, instance: &instance}
	for _, event := range c.Decoded {
		if err := d.event(ctx, event); err != nil {
			return fmt.Errorf("%s at %s: %w", c.Stream, c.Position, err)
		}
	}
	return nil
}

// traced does the work on a commit within the commit's trace.
func (r *ProcessRunner) traced(ctx context.Context, name string, c *DecodedCommit, do func(context.Context) error) error {
	work := tracing.Work{System: r.config.System, Name: name, Destination: "events", Partition: c.Position.Partition}
	ctx, spans := work.ProcessCommits(ctx, func(yield func(*es.Commit) bool) { yield(&c.Commit) })
	err := do(ctx)
	spans.End(err)
	return err
}

// origin returns what the commands and deadlines that a commit causes carry on from it.
func origin(c *DecodedCommit) Command {
	return Command{CorrelationID: c.CorrelationID, CausationID: c.Command.ID, Trace: c.Trace}
}
