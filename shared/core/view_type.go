package core

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ViewType is a view with its type parameter erased: what the runtime works with.
type ViewType struct {
	ViewSpec
	Module  string
	Doc     string // what the documents are; empty where the module does not say
	DocType reflect.Type

	folds      map[string]FoldSpec // by the event's full name
	categories map[string]bool     // of the aggregates whose events it folds
	newDoc     func() any
}

// ViewSpec is what a [port.ViewStore] knows of a view.
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
		return v.categories[ProcessCategoryName]
	}
	return v.categories[s.Category]
}

// Begins reports whether the commit is the first of anything that its document is made of: there is none yet then. Each
// document has to be that of one stream, and of no stream of another category with the same id.
func (v *ViewType) Begins(c *Commit) bool {
	return c.First() == 1 && !v.Shared && len(v.categories) == 1 && !v.categories[ProcessCategoryName]
}

// Keys are the keys of the documents that the event changes, each once, in the order of the view. The
// error says that a key can't be stored.
func (v *ViewType) Keys(eventName string, e Event, m Meta) ([]string, error) {
	keys := v.folds[eventName].Keys(e, m)
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
	return v.folds[eventName].Fold(document, e, m)
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

// FoldSpec describes how one event changes the documents of a view.
type FoldSpec struct {
	Event reflect.Type
	// Shared says that Keys may name other documents than the one whose key is the id of the event's stream.
	Shared bool
	Keys   func(e Event, m Meta) []string
	Fold   func(document any, e Event, m Meta) error // document is what NewDocument of the view returned
}

// NewViewType checks a view and returns it with its type parameter erased. newDocument returns a pointer to a zero
// document; eventOf finds a registered event by its Go type. The error names the part that is wrong.
func NewViewType(module string, spec ViewSpec, newDocument func() any, folds []FoldSpec, eventOf func(reflect.Type) (*EventType, bool)) (*ViewType, error) {
	t := &ViewType{
		ViewSpec: spec, Module: module, DocType: reflect.TypeOf(newDocument()).Elem(),
		folds: map[string]FoldSpec{}, categories: map[string]bool{}, newDoc: newDocument,
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	for _, f := range folds {
		event, ok := eventOf(f.Event)
		if !ok {
			return nil, fmt.Errorf("view %q folds %v, which no decider applies", t.Name, f.Event)
		}
		if t.Folds(event.Name) {
			return nil, fmt.Errorf("view %q folds %s twice", t.Name, event.Name)
		}
		t.Shared = t.Shared || f.Shared
		t.categories[event.Aggregate.Category] = true
		for name := range event.Names() {
			t.folds[name] = f
		}
	}
	return t, nil
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

// Delete is returned by a fold that removes the document.
var Delete = errors.New("delete the document") //nolint:staticcheck // a verb in the place of an error, like fs.SkipDir

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
