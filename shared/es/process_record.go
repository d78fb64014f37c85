package es

import (
	"errors"
	"fmt"
)

// recordEffects puts effects into what an instance records of its reaction to a trigger.
func recordEffects(r *Registry, p *ProcessInstance, c reactCommand, reacted ProcessReacted, effects []Effect) ([]Event, error) {
	var end []Event
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
			if err := reacted.deadline(p, effect, id); err != nil {
				return nil, err
			}
		case StepEffect:
			reacted.Step = effect.Name
		case CompensateEffect:
			reacted.Compensating = effect.Reason
		case CompleteEffect:
			end = append(end, ProcessCompleted{})
		case FailEffect:
			end = append(end, ProcessFailed{Reason: effect.Reason})
		default:
			return nil, fmt.Errorf("effect %d is none: make effects with es.Send, es.After and their like", i+1)
		}
	}
	return reacted.ending(p, end)
}

// deadline records that one is set or cancelled. One that is set again replaces what was set under its name before.
func (e *ProcessReacted) deadline(p *ProcessInstance, effect Effect, id string) error {
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
			return fmt.Errorf("the deadline %q is set twice at once", effect.Name)
		}
	}
	set := SetDeadline{ID: id, Name: effect.Name, At: effect.At, After: effect.After}
	if year := set.Due(e.Trigger.Time).Year(); year < 1970 || year > 9000 {
		return fmt.Errorf("the deadline %q is set to the year %d", effect.Name, year)
	}
	e.Set = append(e.Set, set)
	return nil
}

// passed reports whether the trigger is this deadline itself, which needs no cancelling, or it is cancelled already.
func (e *ProcessReacted) passed(id string) bool {
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

// ending returns the events of a reaction that may end the instance.
func (e *ProcessReacted) ending(p *ProcessInstance, end []Event) ([]Event, error) {
	if len(end) == 0 {
		return []Event{*e}, nil
	}
	if len(end) > 1 {
		return nil, errors.New("the instance ends twice at once")
	}
	if p.Status.Ended() {
		return nil, fmt.Errorf("the instance ends a second time; it has %s before", p.Status)
	}
	if len(e.Set) > 0 {
		return nil, fmt.Errorf("the deadline %q is set while the instance ends", e.Set[0].Name)
	}
	cancel := p.reacted(*e).Deadlines
	switch event := end[0].(type) {
	case ProcessCompleted:
		event.Cancel = cancel
		return []Event{*e, event}, nil
	case ProcessFailed:
		event.Cancel = cancel
		return []Event{*e, event}, nil
	}
	return nil, fmt.Errorf("%T ends no instance", end[0])
}
