package estest

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"orchestrix/shared/core"
)

// difference shows how two values differ, in a form for people; it is empty where they don't. Types that have
// an Equal method are compared by it: 14.0 is 14.00. A nil slice equals an empty one, as JSON may turn one
// into the other.
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
