package es

import (
	"reflect"
	"time"
)

// Process is a process manager as values: what it knows of one instance, and how it reacts to what happens. It ties
// aggregates together by sending commands and setting deadlines.
//
//	var TransferProcess = es.Process[transferring]{
//		Name: "transfer",
//		On: es.Reactions[transferring]{
//			es.Start(es.StreamID, transferring.requested),
//			es.OnOutcome(transferring.withdrawn),
//			es.OnOutcome(transferring.deposited),
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

// Reactions are what a process reacts to, one each for an event, an outcome or a deadline.
type Reactions[S any] []Reaction[S]

// Reaction is how a process reacts to one kind of thing that happens; made by [Start], [When], [OnOutcome], [OnDeadline].
type Reaction[S any] struct {
	to       TriggerKind
	event    reflect.Type // of TriggerEvent; or its name:
	name     string       // "ordering.OrderPlaced"; of TriggerDeadline the deadline's
	starts   bool
	instance func(e Event, m Meta) string
	command  reflect.Type // of TriggerOutcome
	every    bool         // outcome, or deadline, for which there is no other reaction
	react    func(s S, o occurrence) (S, []Effect)
}

// occurrence is what has happened, as the reaction of a process sees it.
type occurrence struct {
	event    Event // of the reaction's own type
	meta     Meta
	command  any // that an outcome is about
	outcome  CommandOutcome
	deadline string
	again    bool // somebody has asked for another try
	reason   string
}

// StreamID is an instance function for [Start] and [When]: the instance has the id of the event's stream.
func StreamID[E any](_ E, m Meta) string { return m.Stream.ID }

// Start reacts to an event that begins an instance. instance is the id of the instance that the event is for, a token,
// or empty where it is for none. An instance lives once: where it has begun, the event is handed to it like any other,
// and where it has ended, the event is none of its business.
func Start[S, E any](instance func(E, Meta) string, react func(S, E, Meta) (S, []Effect)) Reaction[S] {
	r := When(instance, react)
	r.starts = true
	return r
}

// When reacts to an event of an instance that has begun and not ended; for other instances the event is lost. Events
// of one stream come in order, and so does what follows from an instance's own commands; of two unrelated streams
// either may come first: use [Start] for both then.
func When[S, E any](instance func(E, Meta) string, react func(S, E, Meta) (S, []Effect)) Reaction[S] {
	return Reaction[S]{
		to: TriggeredByEvent, event: reflect.TypeFor[E](),
		instance: func(e Event, m Meta) string { return instance(e.(E), m) },
		react:    func(s S, o occurrence) (S, []Effect) { return react(s, o.event.(E), o.meta) },
	}
}

// StartNamed is [Start] for an event of another module, by its full name ("ordering.OrderPlaced"). E is the process's
// own idea of the payload: it names the fields that it needs.
func StartNamed[S, E any](name string, instance func(E, Meta) string, react func(S, E, Meta) (S, []Effect)) Reaction[S] {
	r := WhenNamed(name, instance, react)
	r.starts = true
	return r
}

// WhenNamed is [When] for an event of another module, as [StartNamed] is [Start].
func WhenNamed[S, E any](name string, instance func(E, Meta) string, react func(S, E, Meta) (S, []Effect)) Reaction[S] {
	r := When(instance, react)
	own, known := r.instance, r.react
	r.event, r.name = nil, name
	r.instance = func(e Event, m Meta) string { return own(reread[E](e), m) }
	r.react = func(s S, o occurrence) (S, []Effect) {
		o.event = reread[E](o.event)
		return known(s, o)
	}
	return r
}

// reread reads an event into another type. It panics where that is not possible: the instance is parked then.
func reread[E any](event Event) E {
	var e E
	data, err := Marshal(event)
	if err == nil {
		err = Unmarshal(data, &e)
	}
	if err != nil {
		panic(err)
	}
	return e
}

// OnOutcome reacts to what became of a command of type C that this instance has sent. It is also told of commands whose
// outcome comes when the instance has ended (see [CommandOutcome.Ended]): what was given up may have worked after all.
//
// An instance whose command is rejected, and which has no reaction to that, is parked.
func OnOutcome[S, C any](react func(S, C, CommandOutcome) (S, []Effect)) Reaction[S] {
	return Reaction[S]{
		to: TriggeredByOutcome, command: reflect.TypeFor[C](),
		react: func(s S, o occurrence) (S, []Effect) { return react(s, o.command.(C), o.outcome) },
	}
}

// OnDeadline reacts to the passing of a deadline that the instance has set under this name.
func OnDeadline[S any](name string, react func(S, Meta) (S, []Effect)) Reaction[S] {
	return Reaction[S]{
		to: TriggeredByDeadline, name: name,
		react: func(s S, o occurrence) (S, []Effect) { return react(s, o.meta) },
	}
}

// CommandOutcome is what became of a command.
type CommandOutcome struct {
	CommandID string `json:"command_id"`
	Accepted  bool   `json:"accepted"`
	// Code and Message are the domain's "no" where the command was not accepted.
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// Refused says that the command never reached the domain: it is malformed, or nobody knows it. The process is not
	// asked then; the instance is parked.
	Refused  bool      `json:"refused,omitempty"`
	Version  Version   `json:"version,omitempty"` // of the stream after the command, where it was accepted
	Position Position  `json:"position,omitzero"`
	Time     time.Time `json:"time"` // when it was decided
	// Tag is what the process has given to the command: see [Effect.Tagged].
	Tag string `json:"tag,omitempty"`
	// Ended says that the instance had ended before the outcome came.
	Ended bool `json:"ended,omitempty"`
}
