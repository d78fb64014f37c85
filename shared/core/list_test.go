package core_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

var listed = core.ViewSpec{Name: "listed", Version: 1, Fields: core.Fields{{Name: "name"}, {Name: "price", Kind: core.Number}}}

func TestCursorsComeBack(t *testing.T) {
	t.Parallel()
	for _, q := range []core.ListQuery{{Limit: 1}, {Limit: 9, Sort: "name"}, {Limit: 9, Sort: "price", Desc: true, Filter: []core.FieldValue{{Field: "name", Value: "ü"}}}} {
		want := core.ListCursor{Key: "k/1"}
		if q.Sort != "" {
			want.Value = "12.5"
		}
		text, err := want.Text(listed.Name, "t", q)
		if err != nil {
			t.Fatal(err)
		}
		q.Cursor = text
		got, err := listed.CheckList("t", q)
		if err != nil || *got != want {
			t.Errorf("%+v: %+v, %v", q, got, err)
		}
		other := q
		other.Desc = !q.Desc
		if _, err := listed.CheckList("t", other); !errors.Is(err, core.ErrBadQuery) {
			t.Errorf("in another order: %v", err)
		}
		if _, err := listed.CheckList("another", q); !errors.Is(err, core.ErrBadQuery) {
			t.Errorf("of another tenant: %v", err)
		}
	}
}

func TestDecimals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"0": true, "-1": true, "12.50": true, "1e3": true, "-0.5E-12": true, "": false, "+1": false, ".5": false, "5.": false, "1e": false,
		"1x": false, "NaN": false, "Infinity": false, "1 2": false, "1e9999": false, strings.Repeat("9", 500): true, strings.Repeat("9", 501): false,
	} {
		if got := core.IsDecimal(text); got != want {
			t.Errorf("IsDecimal(%.20q) is %v", text, got)
		}
	}
}

func TestDocumentsAreChecked(t *testing.T) {
	t.Parallel()
	for data, good := range map[string]bool{
		`{"name":"x","price":"1.5"}`: true, `{"price":2}`: true, `{"price":null}`: true, `{}`: true,
		`{"price":"1,5"}`: false, `{"price":"1}`: false, `{"price":[1]}`: false, `{"name":"\"price\":1","price":"cheap"}`: false,
		`{"price":1,"in":{"price":"cheap"}}`: true, `{"in":{"price":"cheap"},"price":"1"}`: true, `{"in":{"price":1},"price":"cheap"}`: false,
		`{"price":"cheap"}`: false, `{"price":true}`: false, `{"name":"\u0000"}`: false, `{"name":"\\u0000"}`: true, `[]`: false, `{`: false,
	} {
		if err := listed.CheckDocument([]byte(data)); (err == nil) != good || err != nil && !errors.Is(err, core.ErrBadPayload) {
			t.Errorf("%s: %v", data, err)
		}
	}
}

// Any text is accepted or rejected as a cursor, and an accepted one round-trips.
func FuzzCursor(f *testing.F) {
	for _, q := range []core.ListQuery{{Limit: 1}, {Limit: 1, Sort: "name"}, {Limit: 1, Sort: "price"}} {
		text, err := core.ListCursor{Key: "k", Value: "1"}.Text(listed.Name, "t", q)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, q.Sort)
	}
	f.Add("AAAA", "")
	f.Fuzz(func(t *testing.T, text, sort string) {
		q := core.ListQuery{Limit: 1, Sort: sort, Cursor: text}
		c, err := listed.CheckList("t", q)
		if err != nil {
			if !errors.Is(err, core.ErrBadQuery) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if c == nil {
			return
		}
		again, err := c.Text(listed.Name, "t", q)
		if err != nil {
			t.Fatal(err)
		}
		q.Cursor = again
		if back, err := listed.CheckList("t", q); err != nil || *back != *c {
			t.Errorf("%q came back as %+v, %v", text, back, err)
		}
	})
}
