package es

import (
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// marshalsItself reports whether JSON leaves the type's inside to the type.
func marshalsItself(t reflect.Type) bool {
	return t.Implements(jsonMarshaler) || t.Implements(textMarshaler) ||
		reflect.PointerTo(t).Implements(jsonMarshaler) || reflect.PointerTo(t).Implements(textMarshaler)
}

// checkStorable refuses a type that JSON would lose a part of without a word: an unexported field, a
// function, a channel, a value of unknown type.
func checkStorable(t reflect.Type) error { return storable(t, t.String(), map[reflect.Type]bool{}) }

func storable(t reflect.Type, path string, seen map[reflect.Type]bool) error {
	if seen[t] || marshalsItself(t) {
		return nil
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return storable(t.Elem(), path+"[]", seen)
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Interface, reflect.Complex64, reflect.Complex128:
		return fmt.Errorf("%s is a %v, which can't be read back from JSON: use a concrete type", path, t)
	case reflect.Struct:
		for f := range t.Fields() {
			if f.Tag.Get("json") == "-" {
				return fmt.Errorf("%s.%s has the tag json:\"-\": what is stored would lose it", path, f.Name)
			}
			if !f.IsExported() && !f.Anonymous {
				return fmt.Errorf("%s.%s is not exported: what is stored would lose it; export it, or give the type MarshalJSON and UnmarshalJSON", path, f.Name)
			}
			if err := storable(f.Type, path+"."+f.Name, seen); err != nil {
				return err
			}
		}
	}
	return nil
}

// schemaHash is a fingerprint of the form that JSON gives a type: it changes when a field is added, removed,
// renamed or retyped.
func schemaHash(t reflect.Type, version int) string {
	var shape strings.Builder
	fmt.Fprintf(&shape, "%d:", version)
	describe(&shape, t, map[reflect.Type]bool{})
	sum := sha256.Sum256([]byte(shape.String()))
	return hex.EncodeToString(sum[:16])
}

func describe(to *strings.Builder, t reflect.Type, seen map[reflect.Type]bool) {
	if marshalsItself(t) || seen[t] {
		to.WriteString(t.String())
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		fmt.Fprintf(to, "%v ", t.Kind())
		describe(to, t.Elem(), seen)
	case reflect.Map:
		to.WriteString("map ")
		describe(to, t.Key(), seen)
		describe(to, t.Elem(), seen)
	case reflect.Struct:
		seen[t] = true
		to.WriteByte('{')
		for f := range t.Fields() {
			fmt.Fprintf(to, "%s %q ", f.Name, f.Tag.Get("json"))
			describe(to, f.Type, seen)
			to.WriteByte(';')
		}
		to.WriteByte('}')
	default:
		to.WriteString(t.Kind().String())
	}
}

// hasJSONField reports whether t is a struct with a field of this JSON name at its top level.
func hasJSONField(t reflect.Type, name string) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for f := range t.Fields() {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && tag == "" && hasJSONField(f.Type, name) {
			return true
		}
		if tag == name || tag == "" && f.Name == name {
			return true
		}
	}
	return false
}
