package core

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
)

// schemaHash returns a fingerprint of a type's JSON form. It changes when a field is added, removed, renamed or retyped.
func schemaHash(t reflect.Type, version int) string {
	var shape strings.Builder
	fmt.Fprintf(&shape, "%d:", version)
	describe(&shape, t, map[reflect.Type]bool{})
	sum := sha256.Sum256([]byte(shape.String()))
	return hex.EncodeToString(sum[:16])
}

// describe writes a type's JSON form. seen stops at types that contain themselves.
func describe(to *strings.Builder, t reflect.Type, seen map[reflect.Type]bool) {
	if marshalsItself(t) || seen[t] {
		to.WriteString(t.String())
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		seen[t] = t.Name() != "" // only a named type can hold itself
		fmt.Fprintf(to, "%v ", t.Kind())
		describe(to, t.Elem(), seen)
	case reflect.Array:
		fmt.Fprintf(to, "array %d ", t.Len())
		describe(to, t.Elem(), seen)
	case reflect.Map:
		seen[t] = t.Name() != ""
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
