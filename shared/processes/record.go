package processes

import (
	"errors"
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// recordEffects adds effects to the event of a reaction, and the event that ends the instance, if any.
func recordEffects(r *core.Registry, p *Instance, c reactCommand, reacted Reacted, effects []Effect) ([]core.Event, error) {
	var end []core.Event
	for i, effect := range effects {
		id := effectID(c.instance, &c.trigger, i)
		switch effect.Kind {
		case SendEffect:
			sent, err := resolveSend(r, effect, c.check)
			if err != nil {
				return nil, err
			}
			sent.ID = id
			reacted.Send = append(reacted.Send, sent)
		case ScheduleEffect, CancelEffect:
			if err := reacted.changeDeadline(p, effect, id); err != nil {
				return nil, err
			}
		case StepEffect:
			reacted.Step = effect.Name
		case CompensateEffect:
			reacted.Compensating = effect.Reason
		case CompleteEffect:
			end = append(end, Completed{})
		case FailEffect:
			end = append(end, Failed{Reason: effect.Reason})
		default:
			return nil, fmt.Errorf("effect %d is invalid: make effects with es.Send, es.After and their like", i+1)
		}
	}
	return reacted.withEnd(p, end)
}

// changeDeadline records that a deadline is set or cancelled. A new setting replaces the pending one of the same name.
func (e *Reacted) changeDeadline(p *Instance, effect Effect, id string) error {
	if err := checkDeadlineName(effect.Name); err != nil {
		return err
	}
	for _, pending := range p.Deadlines {
		if pending.Name == effect.Name && !e.passed(pending.ID) {
			e.Cancel = append(e.Cancel, pending)
		}
	}
	if effect.Kind == CancelEffect {
		return nil
	}
	for _, set := range e.Set {
		if set.Name == effect.Name {
			return fmt.Errorf("the deadline %q is set twice in one reaction", effect.Name)
		}
	}
	set := SetDeadline{ID: id, Name: effect.Name, At: effect.At, After: effect.After}
	if year := set.Due(e.Trigger.Time).Year(); year < 1970 || year > 9000 {
		return fmt.Errorf("the deadline %q is set to the year %d", effect.Name, year)
	}
	e.Set = append(e.Set, set)
	return nil
}

// passed reports whether the deadline needs no cancellation, because it is the trigger itself or is cancelled already.
func (e *Reacted) passed(id string) bool {
	if d := e.Trigger.Deadline; d != nil && d.ID == id {
		return true
	}
	for _, cancelled := range e.Cancel {
		if cancelled.ID == id {
			return true
		}
	}
	return false
}

// withEnd returns the events of a reaction that may end the instance.
func (e *Reacted) withEnd(p *Instance, end []core.Event) ([]core.Event, error) {
	if len(end) == 0 {
		return []core.Event{*e}, nil
	}
	if len(end) > 1 {
		return nil, errors.New("the instance ends twice in one reaction")
	}
	if p.Status.Ended() {
		return nil, fmt.Errorf("the instance ends a second time; it was %s before", p.Status)
	}
	if len(e.Set) > 0 {
		return nil, fmt.Errorf("the deadline %q is set while the instance ends", e.Set[0].Name)
	}
	cancel := p.reacted(*e).Deadlines
	switch event := end[0].(type) {
	case Completed:
		event.Cancel = cancel
		return []core.Event{*e, event}, nil
	case Failed:
		event.Cancel = cancel
		return []core.Event{*e, event}, nil
	}
	return nil, fmt.Errorf("%T does not end an instance", end[0])
}
