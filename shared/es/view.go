package es

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// View is a read model: documents of type D by key, folded from events and kept in Postgres.
//
// Raise Version whenever what the folds compute, or D, changes: the new version is then built from the
// log beside the old one.
type View[D any] struct {
	Name    string // "order-summary"
	Version int    // from 1
	Doc     string // one line that says what the documents are, for OpenAPI
	Fields  Fields // what lists may filter and sort by
	On      Folds[D]
}

// Fields are the declared fields of a view.
type Fields []Field

// Field is a field of the document, by its JSON name, that lists may filter and sort by. It is indexed.
type Field struct {
	Name string
	Kind FieldKind
}

// FieldKind says how a field compares.
type FieldKind int

// The kinds of field.
const (
	Text   FieldKind = iota // byte by byte, which is also right for ISO dates
	Number                  // as exact decimal numbers, which JSON may hold as a number or as a string
)

// Meta is what a fold may know of an event besides its payload.
type Meta struct {
	Key      string // of the document that is folded
	Stream   Stream
	Version  Version // of the stream with this event
	Position Position
	Time     time.Time // when the command was decided, UTC
}

// Delete is returned by a fold that removes the document.
var Delete = errors.New("delete the document") //nolint:staticcheck // a verb in the place of an error, like fs.SkipDir

// Folds are the events that a view is made of.
type Folds[D any] []Fold[D]

// Fold is how one event changes the documents of a view. [On], [OnKey] and [OnKeys] make one from a plain function that
// changes the document; [OnWith], [OnKeyWith] and [OnKeysWith] from a function that also takes the event's [Meta] and may
// return an error.
type Fold[D any] struct {
	event  reflect.Type
	shared bool
	keys   func(e Event, m Meta) []string
	fold   func(d *D, e Event, m Meta) error
}

// On folds an event into the document whose key is the id of the event's stream. fold gets the current document, or a
// zero one where there is none, and changes it.
func On[D, E any](fold func(*D, E)) Fold[D] { return OnWith(withMeta(fold)) }

// OnWith is [On] for a fold that needs the event's [Meta], removes the document, or can fail. fold returns nil, or
// [Delete] to remove the document, or another error where the event can't be applied: the document then stays as it was,
// and the event is parked.
func OnWith[D, E any](fold func(*D, E, Meta) error) Fold[D] {
	return newFold(false, func(_ E, m Meta) []string { return []string{m.Stream.ID} }, fold)
}

// OnKey folds an event into the document whose key is key(event), or key(event, meta). Events of several streams may
// change one document. See [CheckKey] for what a key may be.
func OnKey[D, E any, K func(E) string | func(E, Meta) string](key K, fold func(*D, E)) Fold[D] {
	return OnKeyWith(key, withMeta(fold))
}

// OnKeyWith is [OnKey] for a fold as [OnWith] takes it.
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

// OnKeysWith is [OnKeys] for a fold as [OnWith] takes it.
func OnKeysWith[D, E any, K func(E) []string | func(E, Meta) []string](keys K, fold func(*D, E, Meta) error) Fold[D] {
	of, ok := any(keys).(func(E, Meta) []string)
	if !ok {
		short := any(keys).(func(E) []string)
		of = func(e E, _ Meta) []string { return short(e) }
	}
	return newFold(true, of, fold)
}

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

// ViewType is a view with its type parameter erased: what the runtime works with.
type ViewType struct {
	ViewSpec
	Module  string
	Doc     string // what the documents are; empty where the module does not say
	DocType reflect.Type

	folds      map[string]viewFold // by the event's full name
	categories map[string]bool     // of the aggregates whose events it folds
	newDoc     func() any
}

type viewFold struct {
	keys func(e Event, m Meta) []string
	fold func(d any, e Event, m Meta) error
}

// ViewSpec is what a [ViewStore] knows of a view.
type ViewSpec struct {
	Name    string
	Version int
	Rebuild int // of which build this is about: see [Build]
	Fields  Fields
	// Shared says that a document may be written from several partitions: its key is not the stream's id.
	Shared bool
}

// Build is the build that the specification is about.
func (v ViewSpec) Build() Build { return Build{View: v.Name, Version: v.Version, Rebuild: v.Rebuild} }

// Field finds a declared field.
func (v ViewSpec) Field(name string) (Field, bool) {
	for _, f := range v.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// Folds reports whether the view is made of this event: its full name, "ordering.OrderPlaced".
func (v *ViewType) Folds(eventName string) bool {
	_, ok := v.folds[eventName]
	return ok
}

// FoldsFrom reports whether the view is made of events of such streams. It may then be about one whose kind this program
// does not know.
func (v *ViewType) FoldsFrom(s Stream) bool {
	if strings.HasPrefix(s.Category, ProcessCategory) {
		return v.categories[processCategory]
	}
	return v.categories[s.Category]
}

// Begins reports whether the commit is the first of anything that its document is made of: there is none yet then. Each
// document has to be that of one stream, and of no stream of another category with the same id.
func (v *ViewType) Begins(c *Commit) bool {
	return c.First() == 1 && !v.Shared && len(v.categories) == 1 && !v.categories[processCategory]
}

// Keys are the keys of the documents that the event changes, each once, in the order of the view. The
// error says that a key can't be stored.
func (v *ViewType) Keys(eventName string, e Event, m Meta) ([]string, error) {
	keys := v.folds[eventName].keys(e, m)
	for _, k := range keys {
		if err := CheckKey(k); err != nil {
			return nil, fmt.Errorf("view %s on %s: %w", v.Name, eventName, err)
		}
	}
	if len(keys) < 2 {
		return keys, nil
	}
	unique := keys[:0:0] // the slice may be a part of the event
	seen := make(map[string]bool, len(keys))
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			unique = append(unique, k)
		}
	}
	return unique, nil
}

// Fold changes the document, which [ViewType.NewDocument] made, by the event.
func (v *ViewType) Fold(eventName string, document any, e Event, m Meta) error {
	return v.folds[eventName].fold(document, e, m)
}

// NewDocument returns a pointer to a zero document.
func (v *ViewType) NewDocument() any { return v.newDoc() }

// MaxKeyLength is the longest key of a document, in bytes.
const MaxKeyLength = 256

// CheckKey returns an error that wraps [ErrBadToken] unless key can be the key of a document: 1 to 256 bytes
// of UTF-8 without control characters.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKeyLength || !utf8.ValidString(key) {
		return fmt.Errorf("%w: key %.300q must have 1 to %d bytes of UTF-8", ErrBadToken, key, MaxKeyLength)
	}
	for _, r := range key {
		if unicode.IsControl(r) {
			return fmt.Errorf("%w: key %q holds a control character", ErrBadToken, key)
		}
	}
	return nil
}

// ViewDef is a [View] of any document.
type ViewDef interface {
	compile(module string, events map[reflect.Type]*EventType) (*ViewType, error)
}

func (v View[D]) compile(module string, events map[reflect.Type]*EventType) (*ViewType, error) {
	t := &ViewType{
		ViewSpec:   ViewSpec{Name: v.Name, Version: v.Version, Fields: v.Fields},
		Module:     module,
		Doc:        v.Doc,
		DocType:    reflect.TypeFor[D](),
		folds:      map[string]viewFold{},
		categories: map[string]bool{},
		newDoc:     func() any { return new(D) },
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	for _, f := range v.On {
		event, ok := events[f.event]
		if !ok {
			return nil, fmt.Errorf("view %q folds %v, which no decider applies", v.Name, f.event)
		}
		if t.Folds(event.Name) {
			return nil, fmt.Errorf("view %q folds %s twice", v.Name, event.Name)
		}
		t.Shared = t.Shared || f.shared
		t.categories[event.Aggregate.Category] = true
		for name := range event.names() {
			t.folds[name] = viewFold{
				keys: f.keys,
				fold: func(d any, e Event, m Meta) error { return f.fold(d.(*D), e, m) },
			}
		}
	}
	return t, nil
}

// Postgres cuts names off after 63 bytes: "view_<name>_v<version>_r<rebuild>" has to fit.
const (
	maxViewName    = 40
	maxViewVersion = 99_999
)

func (v *ViewType) check() error {
	if err := CheckToken("view", v.Name); err != nil {
		return err
	}
	if len(v.Name) > maxViewName || v.Version > maxViewVersion {
		return fmt.Errorf("view %q, version %d: a name has at most %d bytes, a version is at most %d, so that the name of its table fits", v.Name, v.Version, maxViewName, maxViewVersion)
	}
	if v.Version < 1 {
		return fmt.Errorf("view %q: its version is %d, versions start from 1", v.Name, v.Version)
	}
	if err := checkStorable(v.DocType); err != nil {
		return fmt.Errorf("document of view %q: %w", v.Name, err)
	}
	for i, f := range v.Fields {
		if !hasJSONField(v.DocType, f.Name) {
			return fmt.Errorf("view %q declares the field %q, which its document %v does not have", v.Name, f.Name, v.DocType)
		}
		if first, _ := v.Field(f.Name); first != v.Fields[i] {
			return fmt.Errorf("view %q declares the field %q twice", v.Name, f.Name)
		}
	}
	return nil
}
