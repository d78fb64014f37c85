package estest

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// difference returns the difference of two values as a text, empty where they are equal. Types with an Equal method are
// compared by it: 14.0 equals 14.00. A nil slice equals an empty one, because JSON may turn one into the other.
func difference(want, got any) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Exporter(func(reflect.Type) bool { return true }))
}

func encode(t testing.TB, v any) json.RawMessage {
	t.Helper()
	data, err := core.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
