package core

import (
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"strings"
)

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// marshalsItself reports whether the type has its own JSON or text encoding.
func marshalsItself(t reflect.Type) bool {
	return t.Implements(jsonMarshaler) || t.Implements(textMarshaler) ||
		reflect.PointerTo(t).Implements(jsonMarshaler) || reflect.PointerTo(t).Implements(textMarshaler)
}

// checkStorable returns an error for a type of which JSON would silently lose a part: an unexported field, a function, a
// channel, an interface.
func checkStorable(t reflect.Type) error { return storable(t, t.String(), map[reflect.Type]bool{}) }

func storable(t reflect.Type, path string, seen map[reflect.Type]bool) error {
	if t.Kind() == reflect.Struct && t.NumField() > 1 {
		if f, ok := embeddedMarshaler(t); ok {
			return fmt.Errorf("%s embeds %v, whose own JSON would replace that of the whole struct: give the field a name", path, f.Type)
		}
	}
	if seen[t] || marshalsItself(t) {
		return nil
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Map:
		if k := t.Key(); (k.Kind() < reflect.Int || k.Kind() > reflect.Uintptr) && k.Kind() != reflect.String && !marshalsItself(k) {
			return fmt.Errorf("%s is a map by %v, which can't be a key in JSON: use a string or an integer", path, k)
		}
		return storable(t.Elem(), path+"[]", seen)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return storable(t.Elem(), path+"[]", seen)
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Interface, reflect.Complex64, reflect.Complex128:
		return fmt.Errorf("%s is a %v, which can't be read back from JSON: use a concrete type", path, t)
	case reflect.Struct:
		return storableFields(t, path, seen)
	}
	return nil
}

func storableFields(t reflect.Type, path string, seen map[reflect.Type]bool) error {
	for f := range t.Fields() {
		if f.Tag.Get("json") == "-" {
			return fmt.Errorf("%s.%s has the tag json:\"-\": what is stored would lose it", path, f.Name)
		}
		if f.Anonymous && f.Type.Kind() == reflect.Pointer {
			return fmt.Errorf("%s embeds the pointer %v: embed the struct, or give the field a name", path, f.Type)
		}
		if !f.IsExported() && !(f.Anonymous && f.Type.Kind() == reflect.Struct) {
			return fmt.Errorf("%s.%s is not exported: what is stored would lose it; export it, or give the type MarshalJSON and UnmarshalJSON", path, f.Name)
		}
		if err := storable(f.Type, path+"."+f.Name, seen); err != nil {
			return err
		}
	}
	names := map[string]bool{}
	for name := range jsonNames(t) {
		if names[name] {
			return fmt.Errorf("%s has two fields that are %q in JSON: what is stored would lose one", path, name)
		}
		names[name] = true
	}
	return nil
}

// embeddedMarshaler returns an embedded field that marshals itself: its methods are promoted to the struct.
func embeddedMarshaler(t reflect.Type) (reflect.StructField, bool) {
	for f := range t.Fields() {
		if f.Anonymous && marshalsItself(f.Type) {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// jsonNames yields the JSON names of a struct's fields, including those of embedded structs.
func jsonNames(t reflect.Type) iter.Seq[string] {
	return func(yield func(string) bool) {
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
				for inner := range jsonNames(f.Type) {
					if !yield(inner) {
						return
					}
				}
				continue
			}
			if !yield(cmp.Or(name, f.Name)) {
				return
			}
		}
	}
}

// hasJSONField reports whether t is a struct with a field of this JSON name at its top level.
func hasJSONField(t reflect.Type, name string) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for have := range jsonNames(t) {
		if have == name {
			return true
		}
	}
	return false
}
