package core

import (
	"encoding/json"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"
)

type (
	tree      map[string]tree
	node      struct{ Next *node }
	text      string
	Inner     struct{ A int }
	inner     struct{ A int }
	private   struct{ a int } //nolint:unused // that nothing can reach it is the case
	self      struct{ a int }
	embedding struct {
		Inner
		B int
	}
	embeddingUnexported struct {
		inner
		B int
	}
	embeddingPointer struct {
		*inner
		B int
	}
	embeddingItself struct{ *embeddingItself }
	embeddingTime   struct {
		time.Time
		B int
	}
	wrapped       struct{ time.Time }
	embeddingText struct {
		text //nolint:unused // that nothing can reach it is the case
		B    int
	}
	covering struct {
		Inner
		B int `json:"A"`
	}
	twice struct {
		A int
		B int `json:"A"`
	}
	twoEmbedded struct {
		Inner
		Other
	}
	Other struct{ A int }
	named struct {
		Inner `json:"inner"`
		A     int
	}
)

func (s self) MarshalText() ([]byte, error) { return []byte{byte(s.a)}, nil }

func TestStorable(t *testing.T) {
	t.Parallel()
	for _, good := range []any{
		0, "", true, 1.5, []byte{}, []string{}, map[string]int{}, map[int]string{}, map[text]bool{}, [2]bool{}, new(int), json.RawMessage{}, time.Time{},
		big.Int{}, self{}, map[self]int{}, struct{}{}, node{}, tree{}, embedding{}, embeddingUnexported{}, named{}, wrapped{}, struct{ At time.Time }{},
	} {
		if err := checkStorable(reflect.TypeOf(good)); err != nil {
			t.Errorf("%T: %v", good, err)
		}
	}
	for _, c := range []struct {
		bad  any
		says string
	}{
		{make(chan int), "chan int"},
		{func() {}, "func()"},
		{complex(1, 1), "complex128"},
		{[]any{}, "[] is a interface {}"},
		{map[string]any{}, "interface {}"},
		{map[Inner]int{}, "core.Inner"},
		{private{}, "core.private.a is not exported"},
		{struct{ Of []private }{}, "Of[].a is not exported"},
		{struct{ Of *private }{}, "Of[].a is not exported"},
		{struct {
			A int `json:"-"`
		}{}, `A has the tag json:"-"`},
		{struct{ A error }{}, "A is a error"},
		{embeddingText{}, "text"},
		{embeddingPointer{}, "*core.inner"},
		{embeddingItself{}, "*core.embeddingItself"},
		{embeddingTime{}, "embeds time.Time"},
		{covering{}, `"A"`},
		{twice{}, `"A"`},
		{twoEmbedded{}, `"A"`},
	} {
		if err := checkStorable(reflect.TypeOf(c.bad)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%T: %v", c.bad, err)
		}
	}
}

// Each of these types has its own form, and describing it comes to an end.
func TestSchemaHash(t *testing.T) {
	t.Parallel()
	seen := map[string]reflect.Type{}
	for _, v := range []any{
		0, "", int64(0), []int{}, [1]int{}, map[string]int{}, map[int]int{}, new(int), time.Time{}, big.Int{},
		struct{ A int }{}, struct{ B int }{}, struct{ A int64 }{}, struct{ A []int }{}, struct{ A []Inner }{}, struct{ A, B Inner }{}, node{}, tree{},
		struct {
			A int `json:",omitempty"`
		}{}, embedding{}, named{},
	} {
		hash := schemaHash(reflect.TypeOf(v), 0)
		if other := seen[hash]; other != nil {
			t.Errorf("%T has the hash of %v", v, other)
		}
		seen[hash] = reflect.TypeOf(v)
	}
}
