package core

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// ViewType is a view without its type parameter, as the engine uses it.
type ViewType struct {
	ViewSpec
	Module  string
	Doc     string // one line about the documents, for OpenAPI; may be empty
	DocType reflect.Type

	folds      map[string]FoldSpec // by the event's full name
	categories map[string]bool     // of the aggregates whose events it folds
	newDoc     func() any
}

// Folds reports whether the view folds the event of this full name, such as "ordering.OrderPlaced".
func (v *ViewType) Folds(eventName string) bool {
	_, ok := v.folds[eventName]
	return ok
}

// FoldsFrom reports whether the view folds events of streams of this category. An event of such a stream whose kind the
// program does not know may concern the view.
func (v *ViewType) FoldsFrom(s Stream) bool {
	if strings.HasPrefix(s.Category, ProcessCategoryPrefix) {
		return v.categories[ProcessCategory]
	}
	return v.categories[s.Category]
}

// Begins reports whether the view has no document for the commit yet: the commit is the first of its stream, and each
// document belongs to one stream, never to streams of two categories with the same id.
func (v *ViewType) Begins(c *Commit) bool {
	return c.First() == 1 && !v.Shared && len(v.categories) == 1 && !v.categories[ProcessCategory]
}

// Keys returns the keys of the documents that the event changes, each once, in the order of the view's key function. It
// returns an error that wraps [ErrBadToken] for a key that can't be stored.
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

// Fold applies the event to a document made by [ViewType.NewDocument]. It returns [Delete] where the document is to be removed.
func (v *ViewType) Fold(eventName string, document any, e Event, m Meta) error {
	return v.folds[eventName].Fold(document, e, m)
}

// NewDocument returns a pointer to a zero document.
func (v *ViewType) NewDocument() any { return v.newDoc() }

// FoldSpec describes how one event changes the documents of a view.
type FoldSpec struct {
	Event reflect.Type
	// Shared: Keys may name other documents than the one whose key is the id of the event's stream.
	Shared bool
	Keys   func(e Event, m Meta) []string
	Fold   func(document any, e Event, m Meta) error // document is what NewDocument of the view returned
}

// NewViewType checks a view and returns it without its type parameter. newDocument returns a pointer to a zero
// document; eventOf finds a registered event by its Go type. The error names the part that is wrong.
func NewViewType(module string, spec ViewSpec, newDocument func() any, folds []FoldSpec, eventOf func(reflect.Type) (*EventType, bool)) (*ViewType, error) {
	t := &ViewType{
		ViewSpec: spec, Module: module, DocType: reflect.TypeOf(newDocument()).Elem(),
		folds: map[string]FoldSpec{}, categories: map[string]bool{}, newDoc: newDocument,
	}
	if err := t.checkSpec(); err != nil {
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

// Delete is returned by a fold that removes the document.
var Delete = errors.New("delete the document") //nolint:staticcheck // a verb in the place of an error, like fs.SkipDir

// Postgres truncates names after 63 bytes: "view_<name>_v<version>_r<rebuild>" has to fit.
const (
	maxViewName    = 40
	maxViewVersion = 99_999
)

func (v *ViewType) checkSpec() error {
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
