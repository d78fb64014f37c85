package processes

import (
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/clip"
	"github.com/orchestrix-go/orchestrix/shared/core"
)

// decider decides the commands of a process's instances. A failure of the process's own code parks the instance; it is not
// an error of the command.
type decider struct {
	process     Definition
	registry    *core.Registry
	instances   *core.Aggregate // registers the events of all instances
	events      map[string]*Reaction
	results     map[*core.CommandType]*Reaction
	anyResult   *Reaction
	deadlines   map[string]*Reaction
	anyDeadline *Reaction
}

// deliver lets an instance react to a trigger, or queues the trigger where the instance is parked.
func (d *decider) deliver(p Instance, c reactCommand) ([]core.Event, error) {
	t := c.trigger
	if p.knows(&t) || c.isForeign(&p) || !c.lost && d.ignores(&p, &t) {
		return nil, nil
	}
	if p.Status != StatusParked {
		return d.react(p, c), nil
	}
	if len(p.Inbox) >= maxInbox {
		return nil, fmt.Errorf("%w: %s is parked with %d queued triggers: retry or cancel the instance", core.ErrInboxFull, c.instance, len(p.Inbox))
	}
	return []core.Event{TriggerHeld{Trigger: t}}, nil
}

// ignores reports whether the instance, in its current status, does not react to the trigger.
func (d *decider) ignores(p *Instance, t *Trigger) bool {
	if t.Kind == TriggeredByResult {
		return false
	}
	if p.Status == "" && t.Kind == TriggeredByEvent {
		r := d.events[t.Event.Type]
		return r != nil && !r.Starts
	}
	return p.Status.Ended() || p.Status == StatusParked && p.Resume.Ended()
}

// react returns the events of the instance's reaction to a trigger: [Parked] where the reaction fails.
func (d *decider) react(p Instance, c reactCommand) []core.Event {
	events, err := d.reactSafely(&p, c)
	if err != nil {
		return []core.Event{Parked{Trigger: c.trigger, Error: clip.Text(err.Error(), maxProcessError), Lost: c.lost}}
	}
	return events
}

const maxProcessError = 2000 // bytes

func (d *decider) reactSafely(p *Instance, c reactCommand) (events []core.Event, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("process %q panicked on %s: %v", d.process.Name, c.trigger.ID, r)
		}
	}()
	if c.failed != nil {
		return nil, c.failed
	}
	if result := c.trigger.Result; result != nil && result.Refused {
		return d.resendRefused(p, c)
	}
	if c.trigger.Again && p.Lost {
		return d.forward(c)
	}
	reaction, o, err := d.findReaction(p, c)
	if err != nil {
		return nil, err
	}
	if reaction == nil { // the process has no reaction to an accepted command
		return []core.Event{Reacted{Trigger: c.trigger.handled(), Schema: p.Schema, State: p.State}}, nil
	}
	state, err := d.state(p)
	if err != nil {
		return nil, err
	}
	next, effects := reaction.React(state, o)
	return d.record(p, c, next, effects)
}

// resendRefused parks the instance for a command that was refused. When an operator retries, it sends the command again
// under another id.
func (d *decider) resendRefused(p *Instance, c reactCommand) ([]core.Event, error) {
	result := c.trigger.Result
	sent, _ := p.sent(result.CommandID)
	if !c.trigger.Again {
		return nil, fmt.Errorf("command %q to %s-%s was refused: %s: %s", sent.Name, sent.Category, sent.To, result.Code, result.Message)
	}
	sent.ID = effectID(c.instance, &c.trigger, 0)
	return []core.Event{Reacted{
		Trigger: c.trigger.handled(), Schema: p.Schema, State: p.State, Send: []SentCommand{sent},
	}}, nil
}

// findReaction returns the reaction to a trigger, and the trigger in the form of a reaction's argument.
func (d *decider) findReaction(p *Instance, c reactCommand) (*Reaction, Occurrence, error) {
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
	case TriggeredByResult:
		return d.findResult(p, t, o)
	case TriggeredByCancel:
		return &Reaction{React: func(s any, o Occurrence) (any, []Effect) { return d.process.Cancelled(s, o.Reason, o.Meta) }}, o, nil
	}
	return nil, o, fmt.Errorf("triggers of kind %q are unknown: run the version of the program that wrote it", t.Kind)
}

func (d *decider) findEvent(t *Trigger, o Occurrence, instance core.Stream) (*Reaction, Occurrence, error) {
	r := d.events[t.Event.Type]
	if r == nil {
		return nil, o, fmt.Errorf("process %q has no reaction to %s: register it with es.Start or es.When", d.process.Name, t.Event.Type)
	}
	if len(t.Event.Data) == 0 {
		return nil, o, fmt.Errorf("%s at %s was too large to be recorded and can't be tried again: cancel the instance", t.ID, t.Event.Position)
	}
	event, err := d.registry.Decode(core.Recorded{Type: t.Event.Type, Schema: t.Event.Schema, Data: t.Event.Data})
	if err != nil {
		return nil, o, err
	}
	o.Event = event
	if id := r.Instance(event, o.Meta); id != instance.ID {
		return nil, o, fmt.Errorf("%s is for the instance %q, not for %q", t.ID, id, instance.ID)
	}
	return r, o, nil
}

// forward sends a lost event to its instance, now that the instance function succeeds.
func (d *decider) forward(c reactCommand) ([]core.Event, error) {
	r, o, err := d.findEvent(&c.trigger, Occurrence{Meta: c.trigger.meta(c.instance)}, c.instance)
	if r == nil || o.Event == nil {
		return nil, err
	}
	id := r.Instance(o.Event, o.Meta)
	if id == "" { // for no instance
		return []core.Event{TriggerDropped{Trigger: c.trigger.handled()}, Completed{}}, nil
	}
	if err := core.CheckToken("instance", id); err != nil {
		return nil, err
	}
	return []core.Event{TriggerForwarded{Trigger: c.trigger, To: id}, Completed{}}, nil
}

// findResult returns no reaction where the command was accepted and the process has no reaction to that.
func (d *decider) findResult(p *Instance, t *Trigger, o Occurrence) (*Reaction, Occurrence, error) {
	sent, ok := p.sent(t.Result.CommandID)
	if !ok {
		return nil, o, fmt.Errorf("%s: the instance has sent no such command", t.ID)
	}
	o.Result = *t.Result
	o.Result.Tag, o.Result.Ended = sent.Tag, p.Status.Ended()
	a, ok := d.registry.Aggregate(sent.Category)
	if !ok {
		return nil, o, fmt.Errorf("%s: no decider has the category %q any more", t.ID, sent.Category)
	}
	command, ok := a.Command(sent.Name)
	if !ok {
		return nil, o, fmt.Errorf("%s: decider %q takes no command %q any more", t.ID, sent.Category, sent.Name)
	}
	r := d.results[command]
	if r == nil {
		r = d.anyResult
	}
	if r == nil && !t.Result.Accepted {
		return nil, o, fmt.Errorf("command %q to %s-%s was rejected, and process %q has no reaction to that: %s: %s",
			sent.Name, sent.Category, sent.To, d.process.Name, t.Result.Code, t.Result.Message)
	}
	if r == nil {
		return nil, o, nil
	}
	var err error
	o.Command, err = command.Decode(sent.Body)
	return r, o, err
}

// state returns the process's own state, decoded through upcasts where it is older.
func (d *decider) state(p *Instance) (any, error) {
	if p.Schema == 0 {
		return d.process.Initial, nil
	}
	state, err := d.process.State.Decode(core.Recorded{Type: "the state of process " + d.process.Name, Schema: p.Schema, Data: p.State})
	if err != nil {
		return nil, fmt.Errorf("%w; give es.Process an upcast from schema version %d", err, p.Schema)
	}
	return state, nil
}

// record returns the events of a reaction: its next state and its effects.
func (d *decider) record(p *Instance, c reactCommand, next any, effects []Effect) ([]core.Event, error) {
	data, err := core.Marshal(next)
	if err != nil {
		return nil, err
	}
	return recordEffects(d.registry, p, c, Reacted{Trigger: c.trigger.handled(), Schema: d.process.State.Schema(), State: data}, effects)
}

// retry resumes a parked instance with its queued triggers, in order, until the instance is parked again.
func (d *decider) retry(p Instance, c operatorCommand) ([]core.Event, error) {
	switch p.Status {
	case StatusParked:
	case "":
		return reject("no-instance", "the instance has never begun")
	default:
		return reject("not-parked", "the instance is %s, only a parked one can be retried", p.Status)
	}
	retried := Retried{Who: c.by.Who, Reason: c.by.Reason}
	return append([]core.Event{retried}, d.drain(p.resumed(), c, false)...), nil
}

// ErrorQueueRemains is the error of an instance that is parked again because its queue exceeds the limit of one retry.
const ErrorQueueRemains = "more waits than one retry takes: retry again"

// MaxDrain is the maximum number of queued triggers of one retry, because their reactions are one commit.
const MaxDrain = 50

// drain lets the instance react to its queued triggers. An instance that has ended, or is being ended, reacts only to
// results.
func (d *decider) drain(p Instance, c operatorCommand, ending bool) (events []core.Event) {
	for n := 0; len(p.Inbox) > 0; n++ {
		t := p.Inbox[0]
		if n == c.limit {
			return append(events, Parked{Trigger: t.handled(), Error: ErrorQueueRemains})
		}
		var next []core.Event
		if t.Kind != TriggeredByResult && (ending || p.Status.Ended()) {
			next = []core.Event{TriggerDropped{Trigger: t.handled()}}
		} else {
			t.Again = true
			next = d.react(p, reactCommand{instance: c.instance, trigger: t, check: c.check})
		}
		events = append(events, next...)
		for _, e := range next {
			p, _ = d.instances.Evolve(p, e).(Instance)
		}
		if p.Status == StatusParked {
			return events
		}
	}
	return events
}

// cancel ends an instance: immediately, or through the process's Cancelled function.
func (d *decider) cancel(p Instance, c operatorCommand) ([]core.Event, error) {
	switch {
	case p.Status == "":
		return reject("no-instance", "the instance has never begun")
	case p.Status.Ended() || p.Resume.Ended():
		return reject("ended", "the instance has ended: it is %s", p.Status)
	case d.process.Cancelled == nil:
		return []core.Event{Cancelled{Who: c.by.Who, Reason: c.by.Reason, Cancel: p.Deadlines}}, nil
	}
	var events []core.Event
	if p.Status == StatusParked {
		events = append(events, Retried{Who: c.by.Who, Reason: c.by.Reason})
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
		p, _ = d.instances.Evolve(p, e).(Instance)
	}
	events = append(events, next...)
	if p.Status == StatusParked {
		return events, nil
	}
	return append(events, d.drain(p, c, true)...), nil
}

// reject returns a rejection of an operator's command.
func reject(code, format string, args ...any) ([]core.Event, error) {
	return nil, &core.Rejection{Code: code, Message: fmt.Sprintf(format, args...)}
}
