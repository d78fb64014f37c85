package es

import (
	"reflect"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Events are the events that a decider emits.
type Events[S any] []EventHandler[S]

// EventHandler is an event with its evolve function. Made by [Apply].
type EventHandler[S any] struct {
	codec  core.EventCodec
	evolve func(state S, event Event) S
}

// Apply registers an event under its kind. The log holds the kind, so that the Go type may be renamed. The schema version of
// new events is 1, or one more than that of the last upcast ([From]). Events of a former kind or module are decoded with
// [Formerly]. evolve can't fail, because the event has happened.
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

// Formerly names a former full name of the event, module and kind: "library.Lent". The log is not rewritten: events under
// the former name are decoded as this kind, for views and processes too. Schema versions count through both names. New events
// have the new name. A former name belongs to one event, and can't be the current name of another.
//
//	es.Apply("BookLent", Book.lent, es.Formerly("library.Lent"), es.From(1, lentV1ToV2))
func Formerly(name string) EventOption { return formerName(name) }

type formerName string

func (n formerName) apply(c core.EventCodec) core.EventCodec { return c.Formerly(string(n)) }

// Upcast converts payloads of one schema version to the next. Made by [From].
type Upcast struct{ step core.UpcastStep }

// From converts payloads of this schema version to the next. An event needs a From for each version from the oldest in the
// log to the one before the current:
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
