package es

import (
	"reflect"
)

// View is a read model: documents of type D by key, folded from events and kept in Postgres.
//
// Raise Version whenever what the folds compute, or D, changes: the new version is then built from the
// log beside the old one.
type View[D any] struct {
	Name    string // "order-summary"
	Version int    // from 1
	Fields  Fields // what lists may filter and sort by
	On      Folds[D]
}

// Folds are the events that a view is made of.
type Folds[D any] []Fold[D]

// Fold is how one event changes the documents of a view; made by [On], [OnKey] and [OnKeys].
type Fold[D any] struct {
	event  reflect.Type
	shared bool
	keys   func(e Event, m Meta) []string
	fold   func(d *D, e Event, m Meta) error
}

// On folds an event into the document whose key is the id of the event's stream.
//
// fold gets the document as it stands, or a zero one where there is none. It changes *D and returns nil, or
// returns [Delete] to remove the document, or another error where the event can't be applied: the document
// then stays as it was.
func On[D, E any](fold func(*D, E, Meta) error) Fold[D] {
	f := OnKeys(func(E) []string { return nil }, fold)
	f.shared = false
	f.keys = func(_ Event, m Meta) []string { return []string{m.Stream.ID} }
	return f
}

// OnKey folds an event into the document that key names. It is folded as [On] does.
func OnKey[D, E any](key func(E) string, fold func(*D, E, Meta) error) Fold[D] {
	return OnKeys(func(e E) []string { return []string{key(e)} }, fold)
}

// OnKeys folds an event into each of the documents that keys names, once each. It is folded as [On] does.
func OnKeys[D, E any](keys func(E) []string, fold func(*D, E, Meta) error) Fold[D] {
	return Fold[D]{
		event:  reflect.TypeFor[E](),
		shared: true,
		keys:   func(e Event, _ Meta) []string { return keys(e.(E)) },
		fold:   func(d *D, e Event, m Meta) error { return fold(d, e.(E), m) },
	}
}

// ViewDef is a [View] of any document.
type ViewDef interface {
	compile(module string, r *Registry) (*ViewType, error)
}

func (v View[D]) compile(module string, r *Registry) (*ViewType, error) {
	folds := make([]FoldSpec, len(v.On))
	for i, f := range v.On {
		folds[i] = FoldSpec{
			Event: f.event, Shared: f.shared, Keys: f.keys,
			Fold: func(d any, e Event, m Meta) error { return f.fold(d.(*D), e, m) },
		}
	}
	spec := ViewSpec{Name: v.Name, Version: v.Version, Fields: v.Fields}
	return NewViewType(module, spec, func() any { return new(D) }, folds, r.EventOf)
}
