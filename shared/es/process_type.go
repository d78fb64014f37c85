package es

import (
	"errors"
	"fmt"
	"reflect"
)

// ProcessCategory is what the categories of process instances start with: that of process "transfer" is
// "process-transfer".
const ProcessCategory = "process-"

// processCategory is the category, in the registry, of what the instances of all processes have in common.
const processCategory = "process"

// ProcessType is a process with its type parameter erased: what the runtime works with.
type ProcessType struct {
	Module    string
	Name      string
	Aggregate *Aggregate // of its instances; it takes no command from outside

	registry *Registry
	routes   map[string]route // by the event's full name
	react    *CommandType
	retry    *CommandType
	cancel   *CommandType
}

// route says which instances an event is for.
type route struct {
	starts   bool
	instance func(e Event, m Meta) string
}

// InternalCommand is a command on a process instance that only the runtime gives.
type InternalCommand struct {
	Type    *CommandType
	ID      string
	Payload any
}

// Events are the full names of the events that the process reacts to, in no order.
func (p *ProcessType) Events() []string {
	names := make([]string, 0, len(p.routes))
	for name := range p.routes {
		names = append(names, name)
	}
	return names
}

// ReactsTo reports whether the process reacts to an event of this full name.
func (p *ProcessType) ReactsTo(eventName string) bool {
	_, ok := p.routes[eventName]
	return ok
}

// Instance is the id of the instance that an event is for, empty where it is for none. The error says that the process
// gives an id that is none.
func (p *ProcessType) Instance(eventName string, e Event, m Meta) (id string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("process %q: finding the instance of %s panicked: %v", p.Name, eventName, r)
		}
	}()
	id = p.routes[eventName].instance(e, m)
	if id == "" {
		return "", nil
	}
	if err := CheckToken("instance", id); err != nil {
		return "", fmt.Errorf("process %q: the instance of %s: %w", p.Name, eventName, err)
	}
	return id, nil
}

// React is the command that hands a trigger to an instance. check may be nil.
func (p *ProcessType) React(instance Stream, t Trigger, check CommandCheck) InternalCommand {
	return InternalCommand{Type: p.react, ID: t.CommandID(), Payload: reactCommand{instance: instance, trigger: t, check: check}}
}

// Lose is the command that parks an event whose instance can't be found, in an instance of its own. Retried, it goes to
// the instance that it is for.
func (p *ProcessType) Lose(tenant string, t Trigger) (Stream, InternalCommand) {
	s := Stream{Tenant: tenant, Category: p.Aggregate.Category, ID: "lost-" + derivedID(t.ID)}
	return s, InternalCommand{Type: p.react, ID: t.CommandID(), Payload: reactCommand{instance: s, trigger: t, lost: true}}
}

// Park is the command that parks an instance which could not record its reaction to a trigger.
func (p *ProcessType) Park(instance Stream, t Trigger, reason error) InternalCommand {
	return InternalCommand{Type: p.react, ID: t.CommandID(), Payload: reactCommand{instance: instance, trigger: t, failed: reason}}
}

// Retry is the command that makes a parked instance go on, with as much of what waits as most says. It is rejected with the
// codes "no-instance" and "not-parked".
func (p *ProcessType) Retry(instance Stream, id string, by Action, most int, check CommandCheck) InternalCommand {
	return InternalCommand{Type: p.retry, ID: id, Payload: personCommand{instance, id, by, most, check}}
}

// End is the command that ends an instance early. It is rejected with the codes "no-instance" and "ended".
func (p *ProcessType) End(instance Stream, id string, by Action, check CommandCheck) InternalCommand {
	return InternalCommand{Type: p.cancel, ID: id, Payload: personCommand{instance, id, by, MaxDrain, check}}
}

type reactCommand struct {
	instance Stream
	trigger  Trigger
	check    CommandCheck
	lost     bool  // the instance is none of the process's own
	failed   error // why the reaction can't be recorded
}

type personCommand struct {
	instance Stream
	id       string
	by       Action
	most     int // of what waits
	check    CommandCheck
}

// ProcessDef is a [Process] of any state.
type ProcessDef interface {
	compileProcess(module string, r *Registry, typed map[reflect.Type]*EventType) (*ProcessType, error)
}

func (p Process[S]) compileProcess(module string, r *Registry, typed map[reflect.Type]*EventType) (*ProcessType, error) {
	d := &processDecider[S]{
		process: p, registry: r, codec: newEventCodec[S]("state", p.Upcasts),
		events: map[string]*Reaction[S]{}, outcomes: map[*CommandType]*Reaction[S]{}, deadlines: map[string]*Reaction[S]{},
	}
	d.codec.decode = func(data []byte) (any, error) {
		var s S
		err := UnmarshalStrict(data, &s) // a field that is gone took something with it
		return s, err
	}
	t := &ProcessType{Module: module, Name: p.Name, registry: r, routes: map[string]route{}}
	err := errors.Join(CheckToken("process", p.Name), CheckToken("category", ProcessCategory+p.Name), d.codec.check())
	for i := range p.On {
		err = errors.Join(err, d.add(t, &p.On[i], typed))
	}
	if err == nil && len(t.routes) == 0 {
		err = errors.New("it reacts to no event, so that no instance ever begins")
	}
	if err != nil {
		return nil, fmt.Errorf("process %q: %w", p.Name, err)
	}
	t.Aggregate = r.processAggregate(module, p.Name, p.Snapshot)
	t.react = t.internal("react", func(s, c any) ([]Event, error) {
		return d.take(s.(ProcessInstance), c.(reactCommand))
	})
	t.retry = t.internal("retry", func(s, c any) ([]Event, error) { return d.retry(s.(ProcessInstance), c.(personCommand)) })
	t.cancel = t.internal("cancel", func(s, c any) ([]Event, error) { return d.cancel(s.(ProcessInstance), c.(personCommand)) })
	return t, nil
}

// internal is a command that no request can name.
func (p *ProcessType) internal(name string, decide func(state, command any) ([]Event, error)) *CommandType {
	return &CommandType{
		Aggregate: p.Aggregate, Name: name, decide: decide,
		decode: func([]byte) (any, error) { return nil, fmt.Errorf("%w: it comes from inside", ErrBadPayload) },
	}
}

// processAggregate is the aggregate of a process's instances. All processes share the types of their events.
func (r *Registry) processAggregate(module, name string, snapshot SnapshotPolicy) *Aggregate {
	a := *r.instances
	a.Module, a.Category, a.Snapshot = module, ProcessCategory+name, snapshot
	return &a
}

// add registers a reaction.
func (d *processDecider[S]) add(t *ProcessType, r *Reaction[S], typed map[reflect.Type]*EventType) error {
	switch {
	case r.to == TriggeredByEvent:
		return d.addEvent(t, r, typed)
	case r.every && r.to == TriggeredByDeadline:
		d.anyDeadline = r
		return nil
	case r.every:
		d.anyOutcome = r
		return nil
	case r.to == TriggeredByDeadline:
		if d.deadlines[r.name] != nil {
			return fmt.Errorf("it reacts twice to the deadline %q", r.name)
		}
		d.deadlines[r.name] = r
		return checkDeadlineName(r.name)
	}
	found := false
	for _, a := range d.registry.aggregates {
		c, ok := a.commandTyped[r.command]
		if ok && d.outcomes[c] != nil {
			return fmt.Errorf("it reacts twice to the outcome of %v", r.command)
		}
		if ok {
			d.outcomes[c], found = r, true
		}
	}
	if !found {
		return fmt.Errorf("it reacts to the outcome of %v, a command that no decider takes", r.command)
	}
	return nil
}

func (d *processDecider[S]) addEvent(t *ProcessType, r *Reaction[S], typed map[reflect.Type]*EventType) error {
	event, ok := typed[r.event]
	if r.event == nil {
		event, ok = d.registry.events[r.name]
	}
	if !ok {
		return fmt.Errorf("it reacts to %s, which no decider applies", r.eventName())
	}
	if event.Aggregate == d.registry.instances {
		return fmt.Errorf("it reacts to %s, an event of process instances: react to what their commands lead to", event.Name)
	}
	if t.ReactsTo(event.Name) {
		return fmt.Errorf("it reacts twice to %s", event.Name)
	}
	for name := range event.names() {
		t.routes[name] = route{starts: r.starts, instance: r.instance}
		d.events[name] = r
	}
	return nil
}

func (r *Reaction[S]) eventName() string {
	if r.event == nil {
		return r.name
	}
	return r.event.String()
}

func checkDeadlineName(name string) error {
	if len(name) > maxDeadlineName {
		return fmt.Errorf("%w: the deadline %q has more than %d bytes", ErrBadToken, name, maxDeadlineName)
	}
	return CheckToken("deadline", name)
}

// Expect returns the events that an instance would record if its reaction to the trigger had these effects, and left its
// state as it is: what tests compare with.
func (p *ProcessType) Expect(state ProcessInstance, instance Stream, t Trigger, effects ...Effect) ([]Event, error) {
	c := reactCommand{instance: instance, trigger: t}
	return p.registry.recordEffects(&state, c, ProcessReacted{Trigger: t.handled(), Schema: state.Schema, State: state.State}, effects)
}
