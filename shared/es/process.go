package es

import (
	"orchestrix/shared/core"
	"orchestrix/shared/processes"
	"reflect"
)

// Process is a process manager as values: what it knows of one instance, and how it reacts to what happens. It ties
// aggregates together by sending commands and setting deadlines.
//
//	var TransferProcess = es.Process[transferring]{
//		Name: "transfer",
//		On: es.Reactions[transferring]{
//			es.Start(es.StreamID, transferring.requested),
//			es.OnResult(transferring.withdrawn),
//			es.OnResult(transferring.deposited),
//			es.OnDeadline("deposit", transferring.depositLate),
//		},
//	}
//
// Its reactions are pure: no clock, no I/O; time comes in with what happens. S is a struct as a decider's state is. Each
// instance is a stream of category "process-<name>", which holds what it has reacted to, its state after that, and
// what it wants done, written down before any of it is done.
type Process[S any] struct {
	Name    string // "transfer"
	Initial S
	On      Reactions[S]
	// Cancelled is what an instance does when a person ends it early; an instance of a process without it ends at once.
	Cancelled func(s S, reason string, m Meta) (S, []Effect)
	// Upcasts turn states that older versions of the program have recorded into today's, as those of events do. A field
	// may be added without one.
	Upcasts  []Upcast
	Snapshot SnapshotPolicy
}

// Reactions are what a process reacts to, one each for an event, a result or a deadline.
type Reactions[S any] []Reaction[S]

// Reaction is how a process reacts to one kind of trigger; made by [Start], [When], [OnResult], [OnDeadline].
type Reaction[S any] struct {
	erased processes.Reaction
}

func reaction[S any](r processes.Reaction, react func(s S, o processes.Occurrence) (S, []Effect)) Reaction[S] {
	r.React = func(state any, o processes.Occurrence) (any, []Effect) { return react(state.(S), o) }
	return Reaction[S]{r}
}

// StreamID is an instance function for [Start] and [When]: the instance has the id of the event's stream.
func StreamID[E any](_ E, m Meta) string { return m.Stream.ID }

// Start reacts to an event that begins an instance. instance is the id of the instance that the event is for, a token,
// or empty where it is for none. An instance lives once: where it has begun, the event is handed to it like any other,
// and where it has ended, the event is none of its business.
func Start[S, E any](instance func(E, Meta) string, react func(S, E, Meta) (S, []Effect)) Reaction[S] {
	r := When(instance, react)
	r.erased.Starts = true
	return r
}

// When reacts to an event of an instance that has begun and not ended; for other instances the event is lost. Events
// of one stream come in order, and so does what follows from an instance's own commands; of two unrelated streams
// either may come first: use [Start] for both then.
func When[S, E any](instance func(E, Meta) string, react func(S, E, Meta) (S, []Effect)) Reaction[S] {
	return reaction(processes.Reaction{
		To: processes.TriggeredByEvent, Event: reflect.TypeFor[E](),
		Instance: func(e Event, m Meta) string { return instance(e.(E), m) },
	}, func(s S, o processes.Occurrence) (S, []Effect) { return react(s, o.Event.(E), o.Meta) })
}

// StartNamed is [Start] for an event of another module, by its full name ("ordering.OrderPlaced"). E is the process's
// own idea of the payload: it names the fields that it needs.
func StartNamed[S, E any](name string, instance func(E, Meta) string, react func(S, E, Meta) (S, []Effect)) Reaction[S] {
	r := WhenNamed(name, instance, react)
	r.erased.Starts = true
	return r
}

// WhenNamed is [When] for an event of another module, as [StartNamed] is [Start].
func WhenNamed[S, E any](name string, instance func(E, Meta) string, react func(S, E, Meta) (S, []Effect)) Reaction[S] {
	return reaction(processes.Reaction{
		To: processes.TriggeredByEvent, EventName: name,
		Instance: func(e Event, m Meta) string { return instance(reread[E](e), m) },
	}, func(s S, o processes.Occurrence) (S, []Effect) { return react(s, reread[E](o.Event), o.Meta) })
}

// reread reads an event into another type. It panics where that is not possible: the instance is parked then.
func reread[E any](event Event) E {
	var e E
	data, err := core.Marshal(event)
	if err == nil {
		err = core.Unmarshal(data, &e)
	}
	if err != nil {
		panic(err)
	}
	return e
}

// OnResult reacts to what became of a command of type C that this instance has sent. It is also told of commands whose
// outcome comes when the instance has ended (see [CommandResult.Ended]): what was given up may have worked after all.
//
// An instance whose command is rejected, and which has no reaction to that, is parked.
func OnResult[S, C any](react func(S, C, CommandResult) (S, []Effect)) Reaction[S] {
	return reaction(processes.Reaction{To: processes.TriggeredByResult, Command: reflect.TypeFor[C]()},
		func(s S, o processes.Occurrence) (S, []Effect) { return react(s, o.Command.(C), o.Result) })
}

// OnDeadline reacts to the passing of a deadline that the instance has set under this name.
func OnDeadline[S any](name string, react func(S, Meta) (S, []Effect)) Reaction[S] {
	return reaction(processes.Reaction{To: processes.TriggeredByDeadline, Deadline: name},
		func(s S, o processes.Occurrence) (S, []Effect) { return react(s, o.Meta) })
}

// ProcessDef is a [Process] or a [Saga] of any state.
type ProcessDef interface {
	compileProcess(module string, r *Registry) (*core.ProcessType, error)
}

func (p Process[S]) compileProcess(module string, r *Registry) (*core.ProcessType, error) {
	d := processes.Definition{
		Module: module, Name: p.Name, Snapshot: p.Snapshot, Initial: p.Initial, State: core.NewStateCodec[S](),
	}
	for _, u := range p.Upcasts {
		d.State = d.State.Upcasting(u.step)
	}
	for _, r := range p.On {
		d.Reactions = append(d.Reactions, r.erased)
	}
	if p.Cancelled != nil {
		d.Cancelled = func(s any, reason string, m Meta) (any, []Effect) { return p.Cancelled(s.(S), reason, m) }
	}
	return d.Compile(r)
}
