package runtime

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"orchestrix/shared/es"
	"orchestrix/shared/tracing"
)

// lanes are the work of a batch, by instance: that of one in order, that of several side by side.
type lanes struct {
	order []es.Stream
	work  map[es.Stream][]func(context.Context) error
}

func (l *lanes) add(instance es.Stream, do func(context.Context) error) {
	if l.work == nil {
		l.work = map[es.Stream][]func(context.Context) error{}
	}
	if l.work[instance] == nil {
		l.order = append(l.order, instance)
	}
	l.work[instance] = append(l.work[instance], do)
}

// run does the work. One instance's failure is not that of the others; the error is all of them.
func (l *lanes) run(ctx context.Context, parallel int) error {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, parallel)
	errs := make([]error, len(l.order))
	for i, instance := range l.order {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			for _, do := range l.work[instance] {
				if errs[i] = do(ctx); errs[i] != nil {
					return
				}
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// handle does everything that is to be done about a part of the log.
func (r *ProcessRunner) handle(ctx context.Context, b part, claimed es.Position) error {
	var work lanes
	for _, e := range b.entries {
		if e.Err != nil {
			r.config.Logger.ErrorContext(ctx, "a commit can't be read: no process reacts to it", "position", e.Position.String(), "error", e.Err)
			continue
		}
		if p, ok := r.registry.ProcessOf(e.Stream.Category); ok {
			again := e.Position.Sequence <= claimed.Sequence
			work.add(e.Stream, func(ctx context.Context) error {
				return r.traced(ctx, p.Name+" effects", e, func(ctx context.Context) error { return r.dispatch(ctx, p, e, again) })
			})
			continue
		}
		for i, recorded := range e.Events {
			for _, p := range r.triggers[recorded.Type] {
				r.route(&work, p, e, i)
			}
		}
	}
	if err := work.run(ctx, r.config.Parallel); err != nil {
		return err
	}
	return r.config.Failpoint(PointDispatched)
}

// route adds to the work that an instance reacts to an event.
func (r *ProcessRunner) route(work *lanes, p *es.ProcessType, e *entry, index int) {
	t := es.EventTrigger(&e.Commit, index)
	from := Command{
		CorrelationID: e.CorrelationID, CausationID: e.Command.ID, Trace: e.Trace,
	}
	id, err := "", error(nil)
	if e.errs != nil {
		err = e.errs[index]
	}
	if err == nil {
		id, err = p.Instance(t.Event.Type, e.events[index], es.Meta{
			Stream: e.Stream, Version: t.Event.Version, Position: e.Position, Time: e.Time,
		})
	}
	if err == nil && id == "" {
		return
	}
	instance := es.Stream{Tenant: e.Stream.Tenant, Category: p.Aggregate.Category, ID: id}
	if err != nil {
		lost, command := p.Lose(e.Stream.Tenant, t)
		from.Stream = lost
		work.add(lost, func(ctx context.Context) error {
			r.config.Logger.ErrorContext(ctx, "the instance of an event can't be found, it is parked", "parked", lost.String(), "event", t.ID, "error", err)
			_, err := r.executor.executeInternal(ctx, from, command)
			if errors.Is(err, es.ErrTooLarge) {
				_, command := p.Lose(e.Stream.Tenant, t.WithoutData())
				_, err = r.executor.executeInternal(ctx, from, command)
			}
			return err
		})
		return
	}
	work.add(instance, func(ctx context.Context) error {
		return r.traced(ctx, p.Name, e, func(ctx context.Context) error {
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

// dispatch does what an instance has recorded that it wants done. Of what may have been done before, only that counts
// whose end the instance has not recorded since.
func (r *ProcessRunner) dispatch(ctx context.Context, p *es.ProcessType, e *entry, again bool) error {
	if err := errors.Join(e.errs...); err != nil {
		return fmt.Errorf("%s at %s: %w", e.Stream, e.Position, err)
	}
	if err := r.config.Failpoint(PointDispatch); err != nil {
		return err
	}
	state, err := r.executor.loadState(ctx, p.Aggregate, e.Stream, e.Version, again)
	if err != nil {
		return err
	}
	now, _ := state.(es.ProcessInstance)
	d := dispatch{runner: r, process: p, commit: e, now: &now}
	for _, event := range e.events {
		if err := d.event(ctx, event); err != nil {
			return fmt.Errorf("%s at %s: %w", e.Stream, e.Position, err)
		}
	}
	return nil
}

// traced does what is to be done about a commit as a part of its trace.
func (r *ProcessRunner) traced(ctx context.Context, name string, e *entry, do func(context.Context) error) error {
	work := tracing.Work{System: r.config.System, Name: name, Destination: "events", Partition: e.Position.Partition}
	ctx, batch := work.ProcessCommits(ctx, func(yield func(*es.Commit) bool) { yield(&e.Commit) })
	err := do(ctx)
	batch.End(err)
	return err
}
