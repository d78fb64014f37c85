package core

import (
	"fmt"
	"iter"
	"reflect"
)

// EventType is one registered event.
type EventType struct {
	Aggregate *Aggregate
	Name      string // module and kind: "ordering.OrderPlaced"
	Kind      string // "OrderPlaced"
	Schema    int    // schema version of new events
	Type      reflect.Type
	Formerly  []string // former full names, under which older events are in the log

	codec  EventCodec
	evolve func(state any, event Event) any
}

// Names yields the full names under which the log may hold the event, the current one first.
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

// nameTaken returns the error for an event whose name, current or former, belongs to another event.
func nameTaken(e *EventType, name string, other *EventType) error {
	switch {
	case e == other:
		return fmt.Errorf("event %s was formerly called %s: it has this name already", e.Name, name)
	case e.Name == other.Name:
		return fmt.Errorf("event %s of type %v: the kind is registered twice, already by decider %q", name, e.Type, other.Aggregate.Category)
	case name == e.Name:
		return fmt.Errorf("event %s of decider %q: event %s was formerly called so", name, e.Aggregate.Category, other.Name)
	case name == other.Name:
		return fmt.Errorf("event %s was formerly called %s, which is the name of a living event of decider %q", e.Name, name, other.Aggregate.Category)
	}
	return fmt.Errorf("event %s was formerly called %s, and so was event %s: only one of them can have been", e.Name, name, other.Name)
}

// EventSpec describes one event of an aggregate.
type EventSpec struct {
	Codec  EventCodec
	Evolve func(state any, event Event) any
}
