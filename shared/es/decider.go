package es

import (
	"fmt"
	"reflect"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Decider defines an aggregate: its initial state, a decide function for each command, and an evolve function for each
// event.
//
// S is the state: a struct with exported fields, or with its own JSON encoding, because snapshots hold it as JSON. An evolve
// function returns the next state and does not change maps, slices or pointers of the old one.
type Decider[S any] struct {
	Category string // of its streams: "order"
	Initial  S
	Decide   Commands[S]
	Evolve   Events[S]
	Snapshot SnapshotPolicy
}

// Commands are the commands that a decider takes.
type Commands[S any] []CommandHandler[S]

// CommandHandler is a command with its decide function. Made by [Handle].
type CommandHandler[S any] struct {
	name     string
	command  reflect.Type
	internal bool
	doc      string
	decode   func(data []byte) (any, error)
	known    func(data []byte) (any, error) // decodes a body without unknown fields
	decide   func(state S, command any) ([]Event, error)
}

// Doc sets one line that describes the command: the summary of its operation in OpenAPI.
func (h CommandHandler[S]) Doc(summary string) CommandHandler[S] {
	h.doc = summary
	return h
}

// Internal reserves the command for processes: HTTP rejects it, the bus accepts it. Otherwise a client could send one step
// of a process without the others, such as the credit without the debit.
func (h CommandHandler[S]) Internal() CommandHandler[S] {
	h.internal = true
	return h
}

// Handle registers a command under the name that requests use ("ship"). decide returns the events ([Accept]) or a rejection
// ([Reject]). It depends on nothing but the state and the command. The struct tags of C are the validation of requests.
func Handle[S, C any](name string, decide func(S, C) ([]Event, error)) CommandHandler[S] {
	return CommandHandler[S]{
		name:    name,
		command: reflect.TypeFor[C](),
		decode: func(data []byte) (any, error) {
			var c C
			err := core.UnmarshalStrict(data, &c)
			return c, err
		},
		known: func(data []byte) (any, error) {
			var c C
			err := core.Unmarshal(data, &c)
			return c, err
		},
		decide: func(state S, command any) ([]Event, error) { return decide(state, command.(C)) },
	}
}

// Accept is the result of a decide function that accepts the command: its events. Without events, nothing changes.
func Accept(events ...Event) ([]Event, error) { return events, nil }

// Reject is the result of a decide function that does not accept the command: a code for programs, and a message for people.
func Reject(code, format string, args ...any) ([]Event, error) {
	return nil, &Rejection{Code: code, Message: fmt.Sprintf(format, args...)}
}

// DeciderDef is a [Decider] of any state.
type DeciderDef interface {
	compile(module string) (*core.Aggregate, error)
}

func (d Decider[S]) compile(module string) (*core.Aggregate, error) {
	spec := core.AggregateSpec{
		Module: module, Category: d.Category, Snapshot: d.Snapshot, State: reflect.TypeFor[S](), Initial: d.Initial,
		DecodeState: func(data []byte) (any, error) {
			var s S
			err := core.Unmarshal(data, &s)
			return s, err
		},
	}
	for _, h := range d.Decide {
		spec.Commands = append(spec.Commands, core.CommandSpec{
			Name: h.name, Type: h.command, Internal: h.internal, Doc: h.doc, Decode: h.decode, DecodeKnown: h.known,
			Decide: func(s, c any) ([]Event, error) { return h.decide(s.(S), c) },
		})
	}
	for _, h := range d.Evolve {
		spec.Events = append(spec.Events, core.EventSpec{
			Codec: h.codec, Evolve: func(s any, e Event) any { return h.evolve(s.(S), e) },
		})
	}
	return core.NewAggregate(spec)
}
