package porttest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

func sortedKeys(documents map[string]string) []string { return slices.Sorted(maps.Keys(documents)) }

// listAll reads a list page by page and returns its keys.
func listAll(t testing.TB, store port.ViewReader, q core.ListQuery) []string {
	t.Helper()
	keys := []string{}
	for {
		page, err := store.List(t.Context(), things.Name, core.DefaultTenant, q)
		if err != nil {
			t.Fatalf("List %+v: %v", q, err)
		}
		if len(page.Items) > q.Limit || (page.Next != "" && len(page.Items) < q.Limit) || len(keys) > 10_000 {
			t.Fatalf("a page of at most %d holds %d, next %q", q.Limit, len(page.Items), page.Next)
		}
		for _, item := range page.Items {
			keys = append(keys, item.Key)
		}
		if page.Next == "" {
			return keys
		}
		q.Cursor = page.Next
	}
}

func wantList(t testing.TB, store port.ViewReader, q core.ListQuery, want ...string) {
	t.Helper()
	if want == nil {
		want = []string{}
	}
	for _, limit := range []int{1, 2, 3, len(want) + 1, core.MaxListLimit} {
		q.Limit = limit
		if got := listAll(t, store, q); !slices.Equal(got, want) {
			t.Errorf("list %+v is %q\nnot %q", q, got, want)
		}
	}
}

func viewListByKey(t *testing.T, store port.ViewStore) {
	w := prepare(t, store, things, 0)
	wantList(t, store, core.ListQuery{})
	documents := map[string]string{"b": `{}`, "B": `{}`, "a": `{}`, "a-1": `{}`, "a1": `{}`, "ä": `{}`, "10": `{}`, "9": `{}`}
	w.put(core.DefaultTenant, documents)
	keys := sortedKeys(documents)
	wantList(t, store, core.ListQuery{}, keys...)
	slices.Reverse(keys)
	wantList(t, store, core.ListQuery{Desc: true}, keys...)
}

// A page of large documents ends early, and the next one continues it.
func viewListOfLargeDocuments(t *testing.T, store port.ViewStore) {
	w := prepare(t, store, things, 0)
	large := `{"text":"` + strings.Repeat("x", core.MaxListBytes*2/5) + `"}`
	w.put(core.DefaultTenant, map[string]string{"a": large, "b": large, "c": large, "d": `{}`, "e": `{"text":"` + strings.Repeat("x", core.MaxListBytes) + `"}`})
	var pages [][]string
	for q := (core.ListQuery{Limit: 10}); len(pages) < 5; {
		page, err := store.List(t.Context(), things.Name, core.DefaultTenant, q)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, item := range page.Items {
			keys = append(keys, item.Key)
		}
		if pages, q.Cursor = append(pages, keys), page.Next; q.Cursor == "" {
			break
		}
	}
	if got := fmt.Sprint(pages); got != "[[a b] [c d] [e]]" {
		t.Errorf("the pages are %s", got)
	}
}

func viewListByField(t *testing.T, store port.ViewStore) {
	w := prepare(t, store, things, 0)
	w.put(core.DefaultTenant, map[string]string{
		"1": `{"name":"b","price":"10.00"}`, "2": `{"name":"B","price":"9.5"}`, "3": `{"name":"b","price":-1}`,
		"4": `{"name":"","price":"9.50"}`, "5": `{"price":1e2}`, "6": `{"name":"b"}`, "7": `{"name":null,"price":null}`,
	})
	wantList(t, store, core.ListQuery{Sort: "price"}, "6", "7", "3", "2", "4", "1", "5")
	wantList(t, store, core.ListQuery{Sort: "price", Desc: true}, "5", "1", "4", "2", "3", "7", "6")
	wantList(t, store, core.ListQuery{Sort: "name"}, "4", "5", "7", "2", "1", "3", "6")
	wantList(t, store, core.ListQuery{Sort: "name", Desc: true}, "6", "3", "1", "2", "7", "5", "4")
	filter := func(pairs ...string) (f []core.FieldValue) {
		for i := 0; i < len(pairs); i += 2 {
			f = append(f, core.FieldValue{Field: pairs[i], Value: pairs[i+1]})
		}
		return f
	}
	wantList(t, store, core.ListQuery{Filter: filter("name", "b")}, "1", "3", "6")
	wantList(t, store, core.ListQuery{Filter: filter("name", "b"), Sort: "price", Desc: true}, "1", "3", "6")
	wantList(t, store, core.ListQuery{Filter: filter("price", "9.500")}, "2", "4")
	wantList(t, store, core.ListQuery{Filter: filter("price", "0.1E3")}, "5")
	wantList(t, store, core.ListQuery{Filter: filter("name", "b", "price", "10")}, "1")
	wantList(t, store, core.ListQuery{Filter: filter("name", "b", "name", "B")})
	wantList(t, store, core.ListQuery{Filter: filter("name", "b' or true --")})
	wantList(t, store, core.ListQuery{Filter: filter("name", "")}, "4", "5", "7")
}

func viewListOdd(t *testing.T, store port.ViewStore) {
	w := prepare(t, store, things, 0)
	long := strings.Repeat("ü", core.SortedPrefix)
	exact := "12345678901234567890.000000000000000000001"
	w.put(core.DefaultTenant, map[string]string{
		"1": fmt.Sprintf(`{"name":"%sa"}`, long), "2": fmt.Sprintf(`{"name":"%sb"}`, long), "3": fmt.Sprintf(`{"name":%q}`, long),
		"4": `{"name":{"in":[1, 2]},"it's":true}`, "5": `{"name":"😀\"\\","price":` + exact + `}`,
		"6": fmt.Sprintf(`{"name":"%s"}`, strings.Repeat("x", 100_000)),
	})
	for name, want := range map[string][]string{
		long + "a": {"1"}, long: {"3"}, long + "c": nil, `{"in":[1, 2]}`: {"4"}, `😀"\`: {"5"}, strings.Repeat("x", 100_000): {"6"},
	} {
		wantList(t, store, core.ListQuery{Filter: []core.FieldValue{{Field: "name", Value: name}}}, want...)
	}
	wantList(t, store, core.ListQuery{Filter: []core.FieldValue{{Field: "it's", Value: "true"}}}, "4")
	wantList(t, store, core.ListQuery{Filter: []core.FieldValue{{Field: "price", Value: exact}}}, "5")
	wantList(t, store, core.ListQuery{Filter: []core.FieldValue{{Field: "price", Value: exact[:len(exact)-1] + "2"}}})
	wantList(t, store, core.ListQuery{Sort: "name"}, "6", "4", "1", "2", "3", "5")
}

// A list that is read during writes and deletions has each document that stays exactly once.
func viewListMoves(t *testing.T, store port.ViewStore) {
	w := prepare(t, store, things, 0)
	documents := map[string]string{}
	for i := range 20 {
		documents[fmt.Sprintf("k%02d", i)] = fmt.Sprintf(`{"price":%d}`, i/3)
	}
	w.put(core.DefaultTenant, documents)
	q := core.ListQuery{Sort: "price", Limit: 5}
	first, err := store.List(t.Context(), things.Name, core.DefaultTenant, q)
	if err != nil {
		t.Fatal(err)
	}
	w.put(core.DefaultTenant, map[string]string{"k04": "", "a-first": `{"price":-1}`, "k99": `{"price":99}`})
	q.Cursor = first.Next
	rest := listAll(t, store, q)
	if len(first.Items) != 5 || len(rest) != 16 || rest[0] != "k05" || rest[15] != "k99" {
		t.Errorf("the rest is %q", rest)
	}
}

func viewListRefused(t *testing.T, store port.ViewStore) {
	w := prepare(t, store, things, 0)
	w.put(core.DefaultTenant, map[string]string{"a": `{"price":1}`, "b": `{"price":2}`})
	page, err := store.List(t.Context(), things.Name, core.DefaultTenant, core.ListQuery{Sort: "price", Limit: 1})
	if err != nil || page.Next == "" {
		t.Fatalf("List is %+v, %v", page, err)
	}
	forged, err := core.ListCursor{Value: "x", Key: "a"}.Text(things.Name, core.DefaultTenant, core.ListQuery{Sort: "price"})
	if err != nil {
		t.Fatal(err)
	}
	for what, q := range map[string]core.ListQuery{
		"no limit":                     {},
		"a limit that is too high":     {Limit: core.MaxListLimit + 1},
		"a sort by what is undeclared": {Limit: 1, Sort: "color"},
		"a filter that is undeclared":  {Limit: 1, Filter: []core.FieldValue{{Field: "color", Value: "red"}}},
		"a number that is none":        {Limit: 1, Filter: []core.FieldValue{{Field: "price", Value: "cheap"}}},
		"a number like Infinity":       {Limit: 1, Filter: []core.FieldValue{{Field: "price", Value: "-Infinity"}}},
		"a number that is too long":    {Limit: 1, Filter: []core.FieldValue{{Field: "price", Value: "1e99999"}}},
		"a NUL":                        {Limit: 1, Filter: []core.FieldValue{{Field: "name", Value: "\x00"}}},
		"a cursor of another order":    {Limit: 1, Sort: "price", Desc: true, Cursor: page.Next},
		"a cursor of another filter":   {Limit: 1, Sort: "price", Filter: []core.FieldValue{{Field: "name", Value: "x"}}, Cursor: page.Next},
		"a cursor that is cut off":     {Limit: 1, Sort: "price", Cursor: page.Next[:len(page.Next)-3]},
		"a cursor that is none":        {Limit: 1, Sort: "price", Cursor: "next"},
		"a cursor with a false value":  {Limit: 1, Sort: "price", Cursor: forged},
	} {
		_, err := store.List(t.Context(), things.Name, core.DefaultTenant, q)
		wantErr(t, what, err, core.ErrBadQuery)
	}
	_, err = store.List(t.Context(), things.Name, "other", core.ListQuery{Sort: "price", Limit: 1, Cursor: page.Next})
	wantErr(t, "a cursor of another tenant", err, core.ErrBadQuery)
}

// count adds one to the documents of the keys.
func count(keys []port.DocumentKey, at core.Position) documentFold {
	return func(current map[port.DocumentKey]json.RawMessage) ([]port.DocumentWrite, error) {
		var writes []port.DocumentWrite
		for _, key := range keys {
			var document struct {
				Count int `json:"price"`
			}
			if data, ok := current[key]; ok {
				if err := core.Unmarshal(data, &document); err != nil {
					return nil, err
				}
			}
			document.Count++
			data, err := core.Marshal(document)
			if err != nil {
				return nil, err
			}
			writes = append(writes, port.DocumentWrite{DocumentKey: key, Position: at, Data: data})
		}
		return writes, nil
	}
}
