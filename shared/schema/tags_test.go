package schema

import (
	"reflect"
	"testing"
)

func TestStructTagsThatAreNoPairs(t *testing.T) {
	t.Parallel()
	if tags, err := splitTag(`json:"a,omitempty"  doc:"it says \"b\""`); err != nil || tags["json"] != "a,omitempty" || tags["doc"] != `it says "b"` {
		t.Errorf("tags are %q, %v", tags, err)
	}
	for _, bad := range []string{"json", "json:", "json:a", `json:"a`, `json: "a"`, `json:"a" doc:text`, `json:"a" json:"b"`, `:"a"`} {
		if tags, err := splitTag(reflect.StructTag(bad)); err == nil {
			t.Errorf("%s is %q", bad, tags)
		}
	}
}
