package es

import (
	"reflect"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/processes"
)

// Process defines a process manager: the state of one instance, and a reaction to each event, result and deadline. It connects
// aggregates by sending commands and setting deadlines.
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
// Reactions are pure: no clock, no I/O; the time is that of the trigger. S is a struct, like the state of a [Decider]. Each
// instance is a stream of category "process-<name>", which records triggers, states and effects. An effect is executed after
// it is recorded.
type Process[S any] struct {
	Name    string // "transfer"
	Initial S
	On      Reactions[S]
	// Cancelled is the reaction to an operator who ends the instance early. Without it, the instance ends immediately.
	Cancelled func(s S, reason string, m Meta) (S, []Effect)
	// Upcasts convert states of older versions of the program, like the upcasts of events. A new field needs none.
	Upcasts  []Upcast
	Snapshot SnapshotPolicy
}

// Reactions are the reactions of a process, one each for an event, a result or a deadline.
type Reactions[S any] []Reaction[S]

// Reaction is the reaction of a process to one kind of trigger. Made by [Start], [When], [OnResult] and [OnDeadline].
type Reaction[S any] struct {
	erased processes.Reaction
}

func reaction[S any](r processes.Reaction, react func(s S, o processes.Occurrence) (S, []Effect)) Reaction[S] {
	r.React = func(state any, o processes.Occurrence) (any, []Effect) { return react(state.(S), o) }
	return Reaction[S]{r}
}

// StreamID is an instance function for [Start] and [When]: it returns the id of the event's stream.
func StreamID[E any](_ E, m Meta) string { return m.Stream.ID }

// Start reacts to an event that begins an instance. instance returns the id of the instance, a token, or an empty text for
// none. An instance lives once: after its beginning the event is delivered to it like any other, and after its end the event
// is ignored.
func Start[S, E any](instance func(E, Meta) string, react func(S, E, Meta) (S, []Effect)) Reaction[S] {
	r := When(instance, react)
	r.erased.Starts = true
	return r
}

// When reacts to an event of an instance that has begun and not ended; otherwise the event is ignored. Events of one stream
// arrive in order, and so do events that follow from an instance's own commands. Events of two unrelated streams may arrive in
// either order: use [Start] for both.
func When[S, E any](instance func(E, Meta) string, react func(S, E, Meta) (S, []Effect)) Reaction[S] {
	return reaction(processes.Reaction{
		To: processes.TriggeredByEvent, Event: reflect.TypeFor[E](),
		Instance: func(e Event, m Meta) string { return instance(e.(E), m) },
	}, func(s S, o processes.Occurrence) (S, []Effect) { return react(s, o.Event.(E), o.Meta) })
}

// StartNamed is [Start] for an event of another module, by its full name ("ordering.OrderPlaced"). E is the
// process's own struct for the payload, with the fields that it needs.
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

// reread decodes an event into another type. It panics where that fails, and the instance is parked.
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

// OnResult reacts to the result of a command of type C that the instance has sent. It is also called for results that arrive
// after the end of the instance (see [CommandResult.Ended]), because a command that timed out may have been accepted.
//
// A rejected command without a reaction parks the instance.
func OnResult[S, C any](react func(S, C, CommandResult) (S, []Effect)) Reaction[S] {
	return reaction(processes.Reaction{To: processes.TriggeredByResult, Command: reflect.TypeFor[C]()},
		func(s S, o processes.Occurrence) (S, []Effect) { return react(s, o.Command.(C), o.Result) })
}

// OnDeadline reacts to a passed deadline that the instance has set under this name.
func OnDeadline[S any](name string, react func(S, Meta) (S, []Effect)) Reaction[S] {
	return reaction(processes.Reaction{To: processes.TriggeredByDeadline, Deadline: name},
		func(s S, o processes.Occurrence) (S, []Effect) { return react(s, o.Meta) })
}

// ProcessDef is a [Process] or a [Saga] of any state.
type ProcessDef interface {
	compileProcess(module string, r *core.Registry) (*core.ProcessType, error)
}

func (p Process[S]) compileProcess(module string, r *core.Registry) (*core.ProcessType, error) {
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
