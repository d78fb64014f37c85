package es

import (
	"fmt"
	"orchestrix/shared/core"
	"reflect"
)

// Decider is an aggregate as values: the state it starts from, what it decides when a command comes, and
// how its state follows from events.
//
// S is the state, a struct whose fields are exported or that marshals itself: it goes through JSON into
// snapshots. An evolve function returns the new state and leaves what the old one points to unchanged.
type Decider[S any] struct {
	Category string // of its streams: "order"
	Initial  S
	Decide   Commands[S]
	Evolve   Events[S]
	Snapshot SnapshotPolicy
}

// Commands are the commands that a decider takes.
type Commands[S any] []CommandHandler[S]

// Events are the events that a decider emits.
type Events[S any] []EventHandler[S]

// CommandHandler decides one command; made by [Handle].
type CommandHandler[S any] struct {
	name     string
	command  reflect.Type
	internal bool
	doc      string
	decode   func(data []byte) (any, error)
	known    func(data []byte) (any, error)
	decide   func(state S, command any) ([]Event, error)
}

// Doc is one line that says what the command does, for people who call it: the summary of its operation in OpenAPI.
func (h CommandHandler[S]) Doc(summary string) CommandHandler[S] {
	h.doc = summary
	return h
}

// Internal keeps the command for processes. The bus accepts it; HTTP rejects it, where a client could otherwise send one
// step of a process without the others, such as the credit without the debit.
func (h CommandHandler[S]) Internal() CommandHandler[S] {
	h.internal = true
	return h
}

// Handle registers a command under the name that requests use ("ship"). decide is pure: it looks at the
// state and the command and returns the events ([Accept]) or the reason why not ([Reject]). C carries its
// validation in its struct tags.
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

// Accept is what a decide function returns to say yes: the events, none where nothing is to change.
func Accept(events ...Event) ([]Event, error) { return events, nil }

// EventHandler evolves the state by one event; made by [Apply].
type EventHandler[S any] struct {
	codec  core.EventCodec
	evolve func(state S, event Event) S
}

// Apply registers an event under its kind, a literal that is written to the log and survives a rename of
// the type. The event's schema version is 1, or one more than that of its last upcast ([From]). An event whose kind or
// module has changed is still read under its old name ([Formerly]). evolve can't fail: a fact has happened.
func Apply[S, E any](kind string, evolve func(S, E) S, options ...EventOption) EventHandler[S] {
	codec := core.NewEventCodec[E](kind)
	for _, o := range options {
		codec = o.apply(codec)
	}
	return EventHandler[S]{
		codec:  codec,
		evolve: func(state S, event Event) S { return evolve(state, event.(E)) },
	}
}

// EventOption is an option of [Apply]: an [Upcast], made by [From], or a former name, made by [Formerly].
type EventOption interface {
	apply(core.EventCodec) core.EventCodec
}

func (u Upcast) apply(c core.EventCodec) core.EventCodec { return c.Upcasting(u.step) }

// Formerly says that events of this kind were written under another full name, the module and the kind: "library.Lent".
// The log is not rewritten. Events under the old name are decoded as this kind, and views and processes that fold this
// kind see them too; schema versions and upcasts count through both names. New events are written under the new name. A
// former name has one owner, and none that is the name of a living event.
//
//	es.Apply("BookLent", Book.lent, es.Formerly("library.Lent"), es.From(1, lentV1ToV2))
func Formerly(name string) EventOption { return formerName(name) }

type formerName string

func (n formerName) apply(c core.EventCodec) core.EventCodec { return c.Formerly(string(n)) }

// Upcast turns the payload of one schema version into that of the next; made by [From].
type Upcast struct{ step core.UpcastStep }

// From registers how a payload of schema version schema becomes one of schema+1. Give all of them, from the
// oldest version that a log may hold up to the one before today's:
//
//	es.Apply("OrderPlaced", Order.placed, es.From(1, placedV1ToV2), es.From(2, placedV2ToV3))
func From[Old, New any](schema int, up func(Old) New) Upcast {
	return Upcast{core.UpcastStep{
		From: schema,
		Old:  reflect.TypeFor[Old](),
		New:  reflect.TypeFor[New](),
		Decode: func(data []byte) (any, error) {
			var old Old
			err := core.Unmarshal(data, &old)
			return old, err
		},
		Up: func(old any) any { return up(old.(Old)) },
	}}
}

// Reject is what a decide function returns to say no.
func Reject(code, format string, args ...any) ([]Event, error) {
	return nil, &Rejection{Code: code, Message: fmt.Sprintf(format, args...)}
}
