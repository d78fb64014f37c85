package core

import (
	"strings"
)

// ViewSpec is a view as a [port.ViewStore] knows it.
type ViewSpec struct {
	Name    string
	Version int
	Rebuild int // of the [Build] that is meant
	Fields  Fields
	// Shared: a document may be written from several partitions, because its key is not the id of the event's stream.
	Shared bool
}

// Build returns the build that the specification describes.
func (v ViewSpec) Build() Build { return Build{View: v.Name, Version: v.Version, Rebuild: v.Rebuild} }

// Field returns the declared field of this JSON name.
func (v ViewSpec) Field(name string) (Field, bool) {
	for _, f := range v.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// Fields are the declared fields of a view.
type Fields []Field

// Field is a field of the document, by its JSON name, that lists may filter and sort by. It is indexed.
type Field struct {
	Name string
	Kind FieldKind
}

// FieldKind is how values of a field are compared.
type FieldKind int

// The kinds of field.
const (
	Text   FieldKind = iota // byte by byte, which is also right for ISO dates
	Number                  // as exact decimal numbers, which JSON may hold as a number or as a string
)

// String returns the names of the fields, separated by commas.
func (f Fields) String() string {
	if len(f) == 0 {
		return "no fields"
	}
	names := make([]string, len(f))
	for i := range f {
		names[i] = f[i].Name
	}
	return strings.Join(names, ", ")
}
