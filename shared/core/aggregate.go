package core

import (
	"fmt"
	"reflect"
	"slices"
)

// Aggregate is a decider without its type parameter, as the engine uses it.
type Aggregate struct {
	Module   string
	Category string
	Snapshot SnapshotPolicy
	// StateType is the Go type of the state.
	StateType reflect.Type
	// StateHash changes with the form of the state: snapshots with another hash are not used.
	StateHash string
	// Initial is the state of a stream without events.
	Initial any

	commands     []*CommandType
	commandNamed map[string]*CommandType
	commandTyped map[reflect.Type]*CommandType
	events       []*EventType
	eventTyped   map[reflect.Type]*EventType
	eventNamed   map[string]*EventType
	decodeState  func(data []byte) (any, error)
}

// Commands returns the aggregate's commands, in the order of the decider.
func (a *Aggregate) Commands() []*CommandType { return a.commands }

// Offered returns the commands that clients may send: those that are not internal.
func (a *Aggregate) Offered() []*CommandType {
	return slices.DeleteFunc(slices.Clone(a.commands), func(c *CommandType) bool { return c.Internal })
}

// Command returns the command of the name that requests use.
func (a *Aggregate) Command(name string) (*CommandType, bool) {
	c, ok := a.commandNamed[name]
	return c, ok
}

// CommandOf returns the command whose payload has the type of this value.
func (a *Aggregate) CommandOf(command any) (*CommandType, bool) {
	return a.CommandOfType(reflect.TypeOf(command))
}

// CommandOfType returns the command whose payload has this type.
func (a *Aggregate) CommandOfType(t reflect.Type) (*CommandType, bool) {
	c, ok := a.commandTyped[t]
	return c, ok
}

// Events returns the aggregate's events, in the order of the decider.
func (a *Aggregate) Events() []*EventType { return a.events }

// Evolve applies one event to a state and returns the next state. The event must be of a registered type, as those of
// [Aggregate.Encode] and [Aggregate.Decode] are.
func (a *Aggregate) Evolve(state any, event Event) any {
	return a.eventTyped[reflect.TypeOf(event)].evolve(state, event)
}

// Encode returns an event in the form of the log. It returns an error that wraps [ErrUnknownEvent] for an event that the
// decider has not registered.
func (a *Aggregate) Encode(event Event) (Recorded, error) {
	t, ok := a.eventTyped[reflect.TypeOf(event)]
	if !ok {
		return Recorded{}, fmt.Errorf("%w: %T is not among the events that decider %q applies; register it with es.Apply", ErrUnknownEvent, event, a.Category)
	}
	data, err := Marshal(event)
	if err != nil {
		return Recorded{}, err
	}
	return Recorded{Type: t.Name, Schema: t.Schema, Data: data}, nil
}

// Decode returns a recorded event as a value of its current Go type; older schema versions pass through the upcasts. It
// returns an error that wraps [ErrUnknownEvent] or [ErrBadPayload]; no event is skipped.
func (a *Aggregate) Decode(r Recorded) (Event, error) {
	t, ok := a.eventNamed[r.Type]
	if !ok {
		return nil, fmt.Errorf("%w: decider %q applies no event %s; register it with es.Apply, or run the version of the program that wrote it", ErrUnknownEvent, a.Category, r.Type)
	}
	return t.codec.Decode(r)
}

// Fold applies the events of a commit whose version is at least from, and returns the state after them.
func (a *Aggregate) Fold(state any, c *Commit, from Version) (any, error) {
	for i, r := range c.Events {
		if c.First()+Version(i) < from {
			continue
		}
		event, err := a.Decode(r)
		if err != nil {
			return nil, fmt.Errorf("%s version %d at %s: %w", c.Stream, c.First()+Version(i), c.Position, err)
		}
		state = a.Evolve(state, event)
	}
	return state, nil
}

// DecodeState decodes a state that [Marshal] has encoded.
func (a *Aggregate) DecodeState(data []byte) (any, error) { return a.decodeState(data) }

// AggregateSpec describes an aggregate for [NewAggregate].
type AggregateSpec struct {
	Module      string
	Category    string // a token
	Snapshot    SnapshotPolicy
	State       reflect.Type
	Initial     any
	DecodeState func(data []byte) (any, error)
	Commands    []CommandSpec
	Events      []EventSpec
}

// NewAggregate checks the specification and returns the aggregate. The error names the invalid part.
func NewAggregate(spec AggregateSpec) (*Aggregate, error) {
	a := &Aggregate{
		Module: spec.Module, Category: spec.Category, Snapshot: spec.Snapshot,
		StateType: spec.State, StateHash: schemaHash(spec.State, spec.Snapshot.Version), Initial: spec.Initial,
		commandNamed: map[string]*CommandType{}, commandTyped: map[reflect.Type]*CommandType{},
		eventTyped: map[reflect.Type]*EventType{}, eventNamed: map[string]*EventType{},
		decodeState: spec.DecodeState,
	}
	if err := CheckToken("category", spec.Category); err != nil {
		return nil, err
	}
	if err := checkStorable(spec.State); err != nil {
		return nil, fmt.Errorf("state of decider %q: %w", spec.Category, err)
	}
	for _, c := range spec.Commands {
		if err := a.addCommand(c); err != nil {
			return nil, fmt.Errorf("decider %q: %w", spec.Category, err)
		}
	}
	for _, e := range spec.Events {
		if err := a.addEvent(e); err != nil {
			return nil, fmt.Errorf("decider %q: %w", spec.Category, err)
		}
	}
	return a, nil
}

func (a *Aggregate) addCommand(spec CommandSpec) error {
	if err := CheckToken("command", spec.Name); err != nil {
		return err
	}
	if a.commandNamed[spec.Name] != nil || a.commandTyped[spec.Type] != nil {
		return fmt.Errorf("command %q of type %v: the name or the type is registered twice", spec.Name, spec.Type)
	}
	if spec.Type.Kind() != reflect.Struct {
		return fmt.Errorf("command %q has type %v: a command is a struct", spec.Name, spec.Type)
	}
	c := &CommandType{
		Aggregate: a, Name: spec.Name, Type: spec.Type, Internal: spec.Internal, Doc: spec.Doc,
		decode: spec.Decode, known: spec.DecodeKnown, decide: spec.Decide,
	}
	a.commands = append(a.commands, c)
	a.commandNamed[spec.Name], a.commandTyped[spec.Type] = c, c
	return nil
}

func (a *Aggregate) addEvent(spec EventSpec) error {
	codec := spec.Codec
	if err := codec.Check(); err != nil {
		return err
	}
	if codec.event.Kind() != reflect.Struct {
		return fmt.Errorf("event %s has type %v: an event is a struct", codec.kind, codec.event)
	}
	e := &EventType{
		Aggregate: a, Name: a.Module + "." + codec.kind, Kind: codec.kind, Schema: codec.Schema(), Type: codec.event,
		Formerly: codec.formerly, codec: codec, evolve: spec.Evolve,
	}
	if a.eventTyped[e.Type] != nil {
		return fmt.Errorf("event %s of type %v: the type is registered twice", e.Name, e.Type)
	}
	for name := range e.Names() {
		if other := a.eventNamed[name]; other != nil {
			return nameTaken(e, name, other)
		}
		a.eventNamed[name] = e
	}
	a.events = append(a.events, e)
	a.eventTyped[e.Type] = e
	return nil
}

// InCategory returns a copy of the aggregate for another module, category and snapshot policy, which shares its commands
// and events.
func (a *Aggregate) InCategory(module, category string, snapshot SnapshotPolicy) *Aggregate {
	other := *a
	other.Module, other.Category, other.Snapshot = module, category, snapshot
	return &other
}

// InternalCommandType returns a command of the aggregate that no request can name. Only code that holds the returned value
// can execute it.
func (a *Aggregate) InternalCommandType(name string, decide func(state, command any) ([]Event, error)) *CommandType {
	return &CommandType{
		Aggregate: a, Name: name, decide: decide,
		decode: func([]byte) (any, error) {
			return nil, fmt.Errorf("%w: command %s has no encoded form", ErrBadPayload, name)
		},
	}
}
