package es

import (
	"reflect"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// View defines a read model: documents of type D by key, folded from events and kept in Postgres.
//
// Raise Version when D or the result of a fold changes. The new version is then built from the log beside the old one.
type View[D any] struct {
	Name    string // "order-summary"
	Version int    // from 1
	Doc     string // one line that describes the documents, for OpenAPI
	Fields  Fields // by which lists may filter and sort
	On      Folds[D]
}

// Folds are the folds of a view, one for each event.
type Folds[D any] []Fold[D]

// Fold applies one event to documents of a view. [On], [OnKey] and [OnKeys] take a plain function that changes the document;
// [OnWith], [OnKeyWith] and [OnKeysWith] one that also gets the event's [Meta] and may return an error.
type Fold[D any] struct {
	event  reflect.Type
	shared bool
	keys   func(e Event, m Meta) []string
	fold   func(d *D, e Event, m Meta) error
}

// On folds an event into the document whose key is the id of the event's stream. fold changes the current document, or a zero
// one where none exists.
func On[D, E any](fold func(*D, E)) Fold[D] { return OnWith(withMeta(fold)) }

// OnWith is [On] for a fold that needs the event's [Meta], removes the document, or can fail. fold returns nil, [Delete] to
// remove the document, or another error where the event can't be applied: the document is then not changed, and the event is
// parked.
func OnWith[D, E any](fold func(*D, E, Meta) error) Fold[D] {
	return newFold(false, func(_ E, m Meta) []string { return []string{m.Stream.ID} }, fold)
}

// OnKey folds an event into the document whose key is key(event), or key(event, meta). Events of several streams may
// change one document. A key has 1 to 256 bytes of UTF-8 without control characters.
func OnKey[D, E any, K func(E) string | func(E, Meta) string](key K, fold func(*D, E)) Fold[D] {
	return OnKeyWith(key, withMeta(fold))
}

// OnKeyWith is [OnKey] for a fold that [OnWith] would take.
func OnKeyWith[D, E any, K func(E) string | func(E, Meta) string](key K, fold func(*D, E, Meta) error) Fold[D] {
	of, ok := any(key).(func(E, Meta) string)
	if !ok {
		short := any(key).(func(E) string)
		of = func(e E, _ Meta) string { return short(e) }
	}
	return newFold(true, func(e E, m Meta) []string { return []string{of(e, m)} }, fold)
}

// OnKeys folds an event into the document of each key in keys(event), or keys(event, meta), once each.
func OnKeys[D, E any, K func(E) []string | func(E, Meta) []string](keys K, fold func(*D, E)) Fold[D] {
	return OnKeysWith(keys, withMeta(fold))
}

// OnKeysWith is [OnKeys] for a fold that [OnWith] would take.
func OnKeysWith[D, E any, K func(E) []string | func(E, Meta) []string](keys K, fold func(*D, E, Meta) error) Fold[D] {
	of, ok := any(keys).(func(E, Meta) []string)
	if !ok {
		short := any(keys).(func(E) []string)
		of = func(e E, _ Meta) []string { return short(e) }
	}
	return newFold(true, of, fold)
}

// withMeta returns a plain fold in the long form.
func withMeta[D, E any](fold func(*D, E)) func(*D, E, Meta) error {
	return func(d *D, e E, _ Meta) error {
		fold(d, e)
		return nil
	}
}

func newFold[D, E any](shared bool, keys func(E, Meta) []string, fold func(*D, E, Meta) error) Fold[D] {
	return Fold[D]{
		event:  reflect.TypeFor[E](),
		shared: shared,
		keys:   func(e Event, m Meta) []string { return keys(e.(E), m) },
		fold:   func(d *D, e Event, m Meta) error { return fold(d, e.(E), m) },
	}
}

// ViewDef is a [View] of any document.
type ViewDef interface {
	compile(module string, r *core.Registry) (*core.ViewType, error)
}

func (v View[D]) compile(module string, r *core.Registry) (*core.ViewType, error) {
	folds := make([]core.FoldSpec, len(v.On))
	for i, f := range v.On {
		folds[i] = core.FoldSpec{
			Event: f.event, Shared: f.shared, Keys: f.keys,
			Fold: func(d any, e Event, m Meta) error { return f.fold(d.(*D), e, m) },
		}
	}
	spec := core.ViewSpec{Name: v.Name, Version: v.Version, Fields: v.Fields}
	t, err := core.NewViewType(module, spec, func() any { return new(D) }, folds, r.EventOf)
	if err != nil {
		return nil, err
	}
	t.Doc = v.Doc
	return t, nil
}
