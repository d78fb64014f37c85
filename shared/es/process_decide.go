package es

import (
	"fmt"
	"orchestrix/shared/clip"
	"time"
)

// processDecider decides what an instance of a process does. Whatever goes wrong in the process's own code parks the
// instance; none of it is an error here.
type processDecider struct {
	process     ProcessDefinition
	registry    *Registry
	instances   *Aggregate // what the aggregates of all processes have in common
	events      map[string]*ProcessReaction
	outcomes    map[*CommandType]*ProcessReaction
	anyOutcome  *ProcessReaction
	deadlines   map[string]*ProcessReaction
	anyDeadline *ProcessReaction
}

// take hands a trigger to an instance, or lets it wait where the instance is parked.
func (d *processDecider) take(p ProcessInstance, c reactCommand) ([]Event, error) {
	t := c.trigger
	if p.knows(&t) || !c.lost && d.ignores(&p, &t) {
		return nil, nil
	}
	if p.Status != StatusParked {
		return d.react(p, c), nil
	}
	if len(p.Inbox) >= MaxProcessInbox {
		return nil, fmt.Errorf("%w: %s is parked, and %d triggers wait: retry or cancel it", ErrInboxFull, c.instance, len(p.Inbox))
	}
	return []Event{TriggerHeld{Trigger: t}}, nil
}

// ignores reports whether the trigger means nothing to the instance as it stands.
func (d *processDecider) ignores(p *ProcessInstance, t *Trigger) bool {
	if t.Kind == TriggeredByOutcome {
		return false
	}
	if p.Status == "" && t.Kind == TriggeredByEvent {
		r := d.events[t.Event.Type]
		return r != nil && !r.Starts
	}
	return p.Status.Ended() || p.Status == StatusParked && p.Resume.Ended()
}

// react works out what the instance does about a trigger. Where that fails, it is parked.
func (d *processDecider) react(p ProcessInstance, c reactCommand) []Event {
	events, err := d.reactSafely(&p, c)
	if err != nil {
		return []Event{ProcessParked{Trigger: c.trigger, Error: clip.Text(err.Error(), maxProcessError), Lost: c.lost}}
	}
	return events
}

const maxProcessError = 2000 // bytes

func (d *processDecider) reactSafely(p *ProcessInstance, c reactCommand) (events []Event, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("process %q panicked on %s: %v", d.process.Name, c.trigger.ID, r)
		}
	}()
	if c.failed != nil {
		return nil, c.failed
	}
	if o := c.trigger.Outcome; o != nil && o.Refused {
		return d.refused(p, c)
	}
	if c.trigger.Again && p.Lost {
		return d.forward(c)
	}
	reaction, o, err := d.find(p, c)
	if err != nil {
		return nil, err
	}
	if reaction == nil { // an outcome that nobody asked for
		return []Event{ProcessReacted{Trigger: c.trigger.handled(), Schema: p.Schema, State: p.State}}, nil
	}
	state, err := d.state(p)
	if err != nil {
		return nil, err
	}
	next, effects := reaction.React(state, o)
	return d.record(p, c, next, effects)
}

// refused is what becomes of a command that nobody could decide: it is sent again, under another id, when a person
// retries.
func (d *processDecider) refused(p *ProcessInstance, c reactCommand) ([]Event, error) {
	o := c.trigger.Outcome
	sent, _ := p.sent(o.CommandID)
	if !c.trigger.Again {
		return nil, fmt.Errorf("command %q to %s-%s was refused: %s: %s", sent.Name, sent.Category, sent.To, o.Code, o.Message)
	}
	sent.ID = effectID(c.instance, &c.trigger, 0)
	return []Event{ProcessReacted{
		Trigger: c.trigger.handled(), Schema: p.Schema, State: p.State, Send: []SentCommand{sent},
	}}, nil
}

// find returns the reaction to a trigger, and the trigger as the reaction takes it.
func (d *processDecider) find(p *ProcessInstance, c reactCommand) (*ProcessReaction, Occurrence, error) {
	t := &c.trigger
	o := Occurrence{Meta: t.meta(c.instance), Again: t.Again, Reason: t.Reason}
	switch t.Kind {
	case TriggeredByEvent:
		return d.findEvent(t, o, c.instance)
	case TriggeredByDeadline:
		o.Deadline = t.Deadline.Name
		if d.anyDeadline != nil {
			return d.anyDeadline, o, nil
		}
		if r := d.deadlines[t.Deadline.Name]; r != nil {
			return r, o, nil
		}
		return nil, o, fmt.Errorf("process %q has no reaction to its deadline %q: register it with es.OnDeadline", d.process.Name, t.Deadline.Name)
	case TriggeredByOutcome:
		return d.findOutcome(p, t, o)
	case TriggeredByCancel:
		return &ProcessReaction{React: func(s any, o Occurrence) (any, []Effect) { return d.process.Cancelled(s, o.Reason, o.Meta) }}, o, nil
	}
	return nil, o, fmt.Errorf("nobody knows what a trigger of kind %q is: run the version of the program that wrote it", t.Kind)
}

func (d *processDecider) findEvent(t *Trigger, o Occurrence, instance Stream) (*ProcessReaction, Occurrence, error) {
	r := d.events[t.Event.Type]
	if r == nil {
		return nil, o, fmt.Errorf("process %q has no reaction to %s: register it with es.Start or es.When", d.process.Name, t.Event.Type)
	}
	if len(t.Event.Data) == 0 {
		return nil, o, fmt.Errorf("%s at %s is too large to be kept here, so that it can't be tried again: cancel the instance", t.ID, t.Event.Position)
	}
	event, err := d.registry.Decode(Recorded{Type: t.Event.Type, Schema: t.Event.Schema, Data: t.Event.Data})
	if err != nil {
		return nil, o, err
	}
	o.Event = event
	if id := r.Instance(event, o.Meta); id != instance.ID {
		return nil, o, fmt.Errorf("%s is for the instance %q, not for %q", t.ID, id, instance.ID)
	}
	return r, o, nil
}

// forward sends an event to the instance that it is for, where it could not be found at first.
func (d *processDecider) forward(c reactCommand) ([]Event, error) {
	r, o, err := d.findEvent(&c.trigger, Occurrence{Meta: c.trigger.meta(c.instance)}, c.instance)
	if r == nil || o.Event == nil {
		return nil, err
	}
	id := r.Instance(o.Event, o.Meta)
	if id == "" { // it is for none
		return []Event{TriggerDropped{Trigger: c.trigger.handled()}, ProcessCompleted{}}, nil
	}
	if err := CheckToken("instance", id); err != nil {
		return nil, err
	}
	return []Event{TriggerForwarded{Trigger: c.trigger, To: id}, ProcessCompleted{}}, nil
}

// findOutcome returns no reaction where the command was accepted and nobody asked to know.
func (d *processDecider) findOutcome(p *ProcessInstance, t *Trigger, o Occurrence) (*ProcessReaction, Occurrence, error) {
	sent, ok := p.sent(t.Outcome.CommandID)
	if !ok {
		return nil, o, fmt.Errorf("%s: the instance has sent no such command", t.ID)
	}
	o.Outcome = *t.Outcome
	o.Outcome.Tag, o.Outcome.Ended = sent.Tag, p.Status.Ended()
	a, ok := d.registry.Aggregate(sent.Category)
	if !ok {
		return nil, o, fmt.Errorf("%s: no decider has the category %q any more", t.ID, sent.Category)
	}
	command, ok := a.Command(sent.Name)
	if !ok {
		return nil, o, fmt.Errorf("%s: decider %q takes no command %q any more", t.ID, sent.Category, sent.Name)
	}
	r := d.outcomes[command]
	if r == nil {
		r = d.anyOutcome
	}
	if r == nil && !t.Outcome.Accepted {
		return nil, o, fmt.Errorf("command %q to %s-%s was rejected, and process %q has no reaction to that: %s: %s",
			sent.Name, sent.Category, sent.To, d.process.Name, t.Outcome.Code, t.Outcome.Message)
	}
	if r == nil {
		return nil, o, nil
	}
	var err error
	o.Command, err = command.Decode(sent.Body)
	return r, o, err
}

// state is the process's own state, of today's form.
func (d *processDecider) state(p *ProcessInstance) (any, error) {
	if p.Schema == 0 {
		return d.process.Initial, nil
	}
	state, err := d.process.State.Decode(Recorded{Type: "the state of process " + d.process.Name, Schema: p.Schema, Data: p.State})
	if err != nil {
		return nil, fmt.Errorf("%w; give es.Process an upcast from schema version %d", err, p.Schema)
	}
	return state, nil
}

// record writes down what the reaction has come to.
func (d *processDecider) record(p *ProcessInstance, c reactCommand, next any, effects []Effect) ([]Event, error) {
	data, err := Marshal(next)
	if err != nil {
		return nil, err
	}
	return recordEffects(d.registry, p, c, ProcessReacted{Trigger: c.trigger.handled(), Schema: d.process.State.Schema(), State: data}, effects)
}

// retry lets a parked instance go on with what waits for it, in order, until it is parked again.
func (d *processDecider) retry(p ProcessInstance, c personCommand) ([]Event, error) {
	switch p.Status {
	case StatusParked:
	case "":
		return reject("no-instance", "the instance has never begun")
	default:
		return reject("not-parked", "the instance is %s, only a parked one can be retried", p.Status)
	}
	retried := ProcessRetried{Who: c.by.Who, Reason: c.by.Reason}
	return append([]Event{retried}, d.drain(p.resumed(), c, false)...), nil
}

// MoreWaits is the error with which an instance is parked again when more waits for it than one retry takes.
const MoreWaits = "more waits than one retry takes: retry again"

// MaxDrain is how much of an inbox one retry takes, at most: it is all one commit.
const MaxDrain = 50

// drain reacts to what waits. Where the instance has ended, or has been told to end, only outcomes still count.
func (d *processDecider) drain(p ProcessInstance, c personCommand, ending bool) (events []Event) {
	for n := 0; len(p.Inbox) > 0; n++ {
		t := p.Inbox[0]
		if n == c.most {
			return append(events, ProcessParked{Trigger: t.handled(), Error: MoreWaits})
		}
		var next []Event
		if t.Kind != TriggeredByOutcome && (ending || p.Status.Ended()) {
			next = []Event{TriggerDropped{Trigger: t.handled()}}
		} else {
			t.Again = true
			next = d.react(p, reactCommand{instance: c.instance, trigger: t, check: c.check})
		}
		events = append(events, next...)
		for _, e := range next {
			p, _ = d.instances.Evolve(p, e).(ProcessInstance)
		}
		if p.Status == StatusParked {
			return events
		}
	}
	return events
}

// cancel ends an instance: at once, or as the process says.
func (d *processDecider) cancel(p ProcessInstance, c personCommand) ([]Event, error) {
	switch {
	case p.Status == "":
		return reject("no-instance", "the instance has never begun")
	case p.Status.Ended() || p.Resume.Ended():
		return reject("ended", "the instance has ended: it is %s", p.Status)
	case d.process.Cancelled == nil:
		return []Event{ProcessCancelled{Who: c.by.Who, Reason: c.by.Reason, Cancel: p.Deadlines}}, nil
	}
	var events []Event
	if p.Status == StatusParked {
		events = append(events, ProcessRetried{Who: c.by.Who, Reason: c.by.Reason})
		p = p.resumed()
	}
	reason := "cancelled by " + c.by.Who
	if c.by.Reason != "" {
		reason += ": " + c.by.Reason
	}
	next := d.react(p, reactCommand{instance: c.instance, check: c.check, trigger: Trigger{
		Kind: TriggeredByCancel, ID: "cancel " + c.id, Time: c.by.At.UTC().Truncate(time.Microsecond), Reason: reason,
	}})
	for _, e := range next {
		p, _ = d.instances.Evolve(p, e).(ProcessInstance)
	}
	events = append(events, next...)
	if p.Status == StatusParked {
		return events, nil
	}
	return append(events, d.drain(p, c, true)...), nil
}

// reject says no to a person's command, with a code that programs can rely on.
func reject(code, format string, args ...any) ([]Event, error) {
	return nil, &Rejection{Code: code, Message: fmt.Sprintf(format, args...)}
}
