package core

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
)

// Aggregate is a decider with its type parameter erased: what the runtime works with.
type Aggregate struct {
	Module   string
	Category string
	Snapshot SnapshotPolicy
	// StateType is the decider's state.
	StateType reflect.Type
	// StateHash changes when snapshots of the state taken before can't be used any more.
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

// CommandType is one registered command.
type CommandType struct {
	Aggregate *Aggregate
	Name      string
	Type      reflect.Type
	// Internal says that only processes send it: no client over HTTP does.
	Internal bool
	// Doc says what the command does, in one line; empty where the module does not.
	Doc string

	decode func(data []byte) (any, error)
	known  func(data []byte) (any, error) // for a body without unknown fields
	decide func(state, command any) ([]Event, error)
}

// Decode reads a command's body: one JSON value without unknown fields. Its error wraps [ErrBadPayload]. It
// checks no struct tags.
func (c *CommandType) Decode(body []byte) (any, error) { return c.named(c.decode(body)) }

// DecodeKnown is Decode for a body that has been found to be valid UTF-8 and to have no unknown field: it looks for
// neither.
func (c *CommandType) DecodeKnown(body []byte) (any, error) { return c.named(c.known(body)) }

func (c *CommandType) named(command any, err error) (any, error) {
	if err != nil {
		return nil, fmt.Errorf("command %s: %w", c.Name, err)
	}
	return command, nil
}

// Decide asks the domain. The error is a [*Rejection] where the domain says no.
func (c *CommandType) Decide(state, command any) ([]Event, error) { return c.decide(state, command) }

// EventType is one registered event.
type EventType struct {
	Aggregate *Aggregate
	Name      string // module and kind: "ordering.OrderPlaced"
	Kind      string // "OrderPlaced"
	Schema    int    // the version written today
	Type      reflect.Type
	Formerly  []string // other full names, under which it was written before

	codec  EventCodec
	evolve func(state any, event Event) any
}

// Names are the full names under which the log may hold the event, today's first.
func (t *EventType) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield(t.Name) {
			return
		}
		for _, name := range t.Formerly {
			if !yield(name) {
				return
			}
		}
	}
}

// nameTaken is the error of an event that claims a name which another one has.
func nameTaken(e *EventType, name string, other *EventType) error {
	switch {
	case e == other:
		return fmt.Errorf("event %s was formerly called %s: it has this name already", e.Name, name)
	case name == e.Name && name == other.Name:
		return fmt.Errorf("event %s of type %v: the kind is registered twice, already by decider %q", name, e.Type, other.Aggregate.Category)
	case name == e.Name:
		return fmt.Errorf("event %s of decider %q: event %s was formerly called so", name, e.Aggregate.Category, other.Name)
	case name == other.Name:
		return fmt.Errorf("event %s was formerly called %s, which is the name of a living event of decider %q", e.Name, name, other.Aggregate.Category)
	}
	return fmt.Errorf("event %s was formerly called %s, and so was event %s: only one of them can have been", e.Name, name, other.Name)
}

// Commands are the aggregate's commands, in the order of the decider.
func (a *Aggregate) Commands() []*CommandType { return a.commands }

// Offered are the commands that clients may send: those that are not internal.
func (a *Aggregate) Offered() []*CommandType {
	return slices.DeleteFunc(slices.Clone(a.commands), func(c *CommandType) bool { return c.Internal })
}

// Command finds a command by the name that requests use.
func (a *Aggregate) Command(name string) (*CommandType, bool) {
	c, ok := a.commandNamed[name]
	return c, ok
}

// CommandOf finds a command by the type of its payload.
func (a *Aggregate) CommandOf(command any) (*CommandType, bool) {
	return a.CommandOfType(reflect.TypeOf(command))
}

// CommandOfType finds a command by the type of its payload.
func (a *Aggregate) CommandOfType(t reflect.Type) (*CommandType, bool) {
	c, ok := a.commandTyped[t]
	return c, ok
}

// Events are the aggregate's events, in the order of the decider.
func (a *Aggregate) Events() []*EventType { return a.events }

// Evolve applies one event to a state. The event is of a type that the decider has registered, as
// [Aggregate.Encode] and [Aggregate.Decode] make sure.
func (a *Aggregate) Evolve(state any, event Event) any {
	return a.eventTyped[reflect.TypeOf(event)].evolve(state, event)
}

// Encode turns an event into what the log holds. An event that the decider has not registered is an error
// that wraps [ErrUnknownEvent].
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

// Decode turns what the log holds into today's event, through upcasts where it is older. Its error wraps
// [ErrUnknownEvent] or [ErrBadPayload]; an event is never skipped.
func (a *Aggregate) Decode(r Recorded) (Event, error) {
	t, ok := a.eventNamed[r.Type]
	if !ok {
		return nil, fmt.Errorf("%w: decider %q applies no event %s; register it with es.Apply, or run the version of the program that wrote it", ErrUnknownEvent, a.Category, r.Type)
	}
	return t.codec.Decode(r)
}

// Fold applies the events of a commit from version from on, and returns the state after them.
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

// DecodeState reads a state that [Marshal] has written.
func (a *Aggregate) DecodeState(data []byte) (any, error) { return a.decodeState(data) }

// AggregateSpec describes an aggregate whose type parameter is erased.
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

// CommandSpec describes one command of an aggregate.
type CommandSpec struct {
	Name        string // a token
	Type        reflect.Type
	Internal    bool
	Doc         string                         // see [CommandType.Doc]
	Decode      func(data []byte) (any, error) // strict: see [CommandType.Decode]
	DecodeKnown func(data []byte) (any, error) // see [CommandType.DecodeKnown]
	Decide      func(state, command any) ([]Event, error)
}

// EventSpec describes one event of an aggregate.
type EventSpec struct {
	Codec  EventCodec
	Evolve func(state any, event Event) any
}

// NewAggregate checks the specification and returns the aggregate. The error names the part that is wrong.
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

// InternalCommandType returns a command of the aggregate that no request can name: only a program that holds it can give
// it.
func (a *Aggregate) InternalCommandType(name string, decide func(state, command any) ([]Event, error)) *CommandType {
	return &CommandType{
		Aggregate: a, Name: name, decide: decide,
		decode: func([]byte) (any, error) {
			return nil, fmt.Errorf("%w: command %s has no encoded form", ErrBadPayload, name)
		},
	}
}
