package processes

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Definition is a process without its type parameter, made by es.Process and [SagaDefinition].
type Definition struct {
	Module    string
	Name      string          // a token
	Initial   any             // state of an instance before its first reaction
	State     core.EventCodec // of the state, made by [core.NewStateCodec]
	Reactions []Reaction
	// Cancelled is the reaction to an operator who ends the instance early; nil ends it immediately.
	Cancelled func(state any, reason string, m core.Meta) (any, []Effect)
	Snapshot  core.SnapshotPolicy
}

// Reaction is the reaction of a process to one kind of trigger.
type Reaction struct {
	To TriggerKind
	// Event is the Go type of the event of [TriggeredByEvent]; or EventName is its full name, "ordering.OrderPlaced".
	Event     reflect.Type
	EventName string
	Starts    bool                                   // the event begins instances
	Instance  func(e core.Event, m core.Meta) string // id of the instance that receives the event; empty for none
	Command   reflect.Type                           // of [TriggeredByResult]
	Deadline  string                                 // name, of [TriggeredByDeadline]
	Every     bool                                   // all results, or deadlines, without a reaction of their own
	React     func(state any, o Occurrence) (any, []Effect)
}

// Occurrence is a trigger in the form of a reaction's argument.
type Occurrence struct {
	Event    core.Event // of the type that the registry decodes
	Meta     core.Meta
	Command  any // whose result this is
	Result   core.CommandResult
	Deadline string
	Again    bool // an operator retries the trigger
	Reason   string
}

// Compile checks the definition against the registry, which must hold all aggregates, and returns the process. For the
// first process it also registers the events of process instances and the view of them.
func (p Definition) Compile(r *core.Registry) (*core.ProcessType, error) {
	instances, err := addInstances(r)
	if err != nil {
		return nil, err
	}
	d := &decider{
		process: p, registry: r, instances: instances,
		events: map[string]*Reaction{}, results: map[*core.CommandType]*Reaction{}, deadlines: map[string]*Reaction{},
	}
	t := &core.ProcessType{Module: p.Module, Name: p.Name, Routes: map[string]core.Route{}}
	err = errors.Join(core.CheckToken("process", p.Name), core.CheckToken("category", core.ProcessCategoryPrefix+p.Name), p.State.Check())
	for i := range p.Reactions {
		err = errors.Join(err, d.addReaction(t, &p.Reactions[i]))
	}
	if err == nil && len(t.Routes) == 0 {
		err = errors.New("it reacts to no event, so that no instance ever begins")
	}
	if err != nil {
		return nil, fmt.Errorf("process %q: %w", p.Name, err)
	}
	t.Aggregate = instances.InCategory(p.Module, core.ProcessCategoryPrefix+p.Name, p.Snapshot)
	t.React = t.Aggregate.InternalCommandType("react", func(s, c any) ([]core.Event, error) {
		return d.deliver(s.(Instance), c.(reactCommand))
	})
	t.Retry = t.Aggregate.InternalCommandType("retry", func(s, c any) ([]core.Event, error) {
		return d.retry(s.(Instance), c.(operatorCommand))
	})
	t.Cancel = t.Aggregate.InternalCommandType("cancel", func(s, c any) ([]core.Event, error) {
		return d.cancel(s.(Instance), c.(operatorCommand))
	})
	return t, nil
}

// addInstances registers the events and the view of process instances once, and returns the aggregate of the instances.
func addInstances(r *core.Registry) (*core.Aggregate, error) {
	if e, ok := r.EventOf(reflect.TypeFor[Reacted]()); ok {
		return e.Aggregate, nil
	}
	a, err := core.NewAggregate(core.AggregateSpec{
		Module: "process", Category: core.ProcessCategory, State: reflect.TypeFor[Instance](), Initial: Instance{},
		DecodeState: func(data []byte) (any, error) {
			var p Instance
			err := core.Unmarshal(data, &p)
			return p, err
		},
		Events: instanceEvents(),
	})
	if err != nil {
		return nil, err
	}
	if err := r.AddEvents(a); err != nil {
		return nil, err
	}
	view, err := instancesView(r)
	if err != nil {
		return nil, err
	}
	return a, r.AddView(view)
}

// addReaction registers a reaction.
func (d *decider) addReaction(t *core.ProcessType, r *Reaction) error {
	switch {
	case r.To == TriggeredByEvent:
		return d.addEvent(t, r)
	case r.Every && r.To == TriggeredByDeadline:
		d.anyDeadline = r
		return nil
	case r.Every:
		d.anyResult = r
		return nil
	case r.To == TriggeredByDeadline:
		if d.deadlines[r.Deadline] != nil {
			return fmt.Errorf("it reacts twice to the deadline %q", r.Deadline)
		}
		d.deadlines[r.Deadline] = r
		return checkDeadlineName(r.Deadline)
	}
	found := false
	for _, a := range d.registry.Aggregates() {
		c, ok := a.CommandOfType(r.Command)
		if ok && d.results[c] != nil {
			return fmt.Errorf("it reacts twice to the result of %v", r.Command)
		}
		if ok {
			d.results[c], found = r, true
		}
	}
	if !found {
		return fmt.Errorf("it reacts to the result of %v, a command that no decider takes", r.Command)
	}
	return nil
}

func (d *decider) addEvent(t *core.ProcessType, r *Reaction) error {
	event, ok := d.registry.EventOf(r.Event)
	if r.Event == nil {
		event, ok = d.registry.Event(r.EventName)
	}
	if !ok {
		return fmt.Errorf("it reacts to %s, which no decider applies", r.eventName())
	}
	if event.Aggregate == d.instances {
		return fmt.Errorf("it reacts to %s, an event of process instances: react to what their commands lead to", event.Name)
	}
	if t.ReactsTo(event.Name) {
		return fmt.Errorf("it reacts twice to %s", event.Name)
	}
	for name := range event.Names() {
		t.Routes[name] = core.Route{Starts: r.Starts, Instance: r.Instance}
		d.events[name] = r
	}
	return nil
}

func (r *Reaction) eventName() string {
	if r.Event == nil {
		return r.EventName
	}
	return r.Event.String()
}

func checkDeadlineName(name string) error {
	if len(name) > maxDeadlineName {
		return fmt.Errorf("%w: the deadline %q has more than %d bytes", core.ErrBadToken, name, maxDeadlineName)
	}
	return core.CheckToken("deadline", name)
}

// ExpectedEvents returns, for tests, the events of a reaction to the trigger that has these effects and does not change the
// state.
func ExpectedEvents(r *core.Registry, state Instance, instance core.Stream, t Trigger, effects ...Effect) ([]core.Event, error) {
	c := reactCommand{instance: instance, trigger: t}
	return recordEffects(r, &state, c, Reacted{Trigger: t.handled(), Schema: state.Schema, State: state.State}, effects)
}
