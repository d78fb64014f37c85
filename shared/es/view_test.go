package es_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

func viewType(t testing.TB, v es.ViewDef) *core.ViewType {
	t.Helper()
	return register(t, es.Module{Name: "house", Deciders: []es.DeciderDef{doors()}, Views: []es.ViewDef{v}}).Views()[0]
}

func TestViewByStream(t *testing.T) {
	t.Parallel()
	v := viewType(t, es.View[log]{Name: "logs", Version: 2, On: es.Folds[log]{es.On((*log).opened)}})
	if v.Shared || v.Version != 2 || v.Name != "logs" {
		t.Errorf("view is %+v", v.ViewSpec)
	}
	keys, err := v.Keys("house.Opened", opened{By: "Ada"}, es.Meta{Stream: orderStream})
	if err != nil || !slices.Equal(keys, []string{"10248"}) {
		t.Errorf("keys are %q, %v", keys, err)
	}
	document := v.NewDocument()
	for range 2 {
		if err := v.Fold("house.Opened", document, opened{By: "Ada"}, es.Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	if *document.(*log) != (log{By: "Ada", Times: 2}) {
		t.Errorf("document is %+v", document)
	}
}

func TestViewByKeys(t *testing.T) {
	t.Parallel()
	words := func(e opened) []string { return strings.Split(e.By, " ") }
	v := viewType(t, es.View[log]{Name: "words", Version: 1, On: es.Folds[log]{
		es.OnKeysWith(words, func(l *log, e opened, m es.Meta) error {
			if m.Key == "gone" {
				return es.Delete
			}
			l.opened(e)
			return nil
		}),
		es.On(func(*log, closed) {}),
	}})
	if !v.Shared {
		t.Error("documents of a view by keys are written from several partitions")
	}
	keys, err := v.Keys("house.Opened", opened{By: "b a b c a"}, es.Meta{})
	if err != nil || !slices.Equal(keys, []string{"b", "a", "c"}) {
		t.Errorf("keys are %q, %v", keys, err)
	}
	if err := v.Fold("house.Opened", v.NewDocument(), opened{}, es.Meta{Key: "gone"}); !errors.Is(err, es.Delete) {
		t.Errorf("folding got %v", err)
	}
	if _, err := v.Keys("house.Opened", opened{By: "a  b"}, es.Meta{}); !errors.Is(err, core.ErrBadToken) || !strings.Contains(err.Error(), "words") {
		t.Errorf("an empty key: %v", err)
	}
}

// A key may come from what is known of an event besides its payload.
func TestViewByKeysOfMeta(t *testing.T) {
	t.Parallel()
	day := func(_ opened, m es.Meta) string { return m.Time.Format("2006-01-02") }
	tenants := func(_ closed, m es.Meta) []string { return []string{m.Stream.Tenant, "all"} }
	v := viewType(t, es.View[log]{Name: "days", Version: 1, On: es.Folds[log]{
		es.OnKey(day, (*log).opened),
		es.OnKeys(tenants, func(l *log, _ closed) { l.Times++ }),
	}})
	meta := es.Meta{Stream: orderStream, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if keys, err := v.Keys("house.Opened", opened{}, meta); err != nil || !slices.Equal(keys, []string{"2026-01-02"}) {
		t.Errorf("keys are %q, %v", keys, err)
	}
	if keys, err := v.Keys("house.Closed", closed{}, meta); err != nil || !slices.Equal(keys, []string{orderStream.Tenant, "all"}) {
		t.Errorf("keys are %q, %v", keys, err)
	}
}

func TestViewFields(t *testing.T) {
	t.Parallel()
	type inner struct {
		Country string `json:"country"`
	}
	type document struct {
		inner
		Named    inner `json:"named"`
		Untagged string
		Omitted  string `json:",omitempty"`
	}
	fields := es.Fields{{Name: "country", Kind: es.Text}, {Name: "Untagged"}, {Name: "Omitted", Kind: es.Number}}
	v := viewType(t, es.View[document]{Name: "documents", Version: 1, Fields: fields})
	for _, want := range fields {
		if f, ok := v.Field(want.Name); !ok || f != want {
			t.Errorf("field is %+v, not %+v", f, want)
		}
	}
	if _, ok := v.Field("named"); ok {
		t.Error("there is a field that was not declared")
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", "Côte d’Ivoire", "a/b c.d", " ", strings.Repeat("x", 256), strings.Repeat("🌍", 64)} {
		if err := core.CheckKey(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a\nb", "\x00", "\x7f", "\u0085", "\xff", strings.Repeat("x", 257), strings.Repeat("🌍", 65)} {
		if err := core.CheckKey(bad); !errors.Is(err, core.ErrBadToken) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestDocumentKeysAreOrdered(t *testing.T) {
	t.Parallel()
	ordered := []port.DocumentKey{{Tenant: "a", Key: "b"}, {Tenant: "a", Key: "c"}, {Tenant: "a-", Key: "a"}, {Tenant: "b"}, {Tenant: "b", Key: "Z"}, {Tenant: "b", Key: "a"}}
	for i, x := range ordered {
		for j, y := range ordered {
			if got := x.Compare(y); got < 0 != (i < j) || got == 0 != (i == j) {
				t.Errorf("%v and %v compare as %d", x, y, got)
			}
		}
	}
}

type slammed struct{}

// Only where nothing else can have written the document is it certain that there is none yet.
func TestWhereDocumentsBegin(t *testing.T) {
	t.Parallel()
	windows := es.Decider[int]{Category: "window", Evolve: es.Events[int]{es.Apply("Slammed", func(n int, _ slammed) int { return n + 1 })}}
	byStream := es.On((*log).opened)
	registry := register(t, es.Module{Name: "house", Deciders: []es.DeciderDef{doors(), windows}, Views: []es.ViewDef{
		es.View[log]{Name: "one", Version: 1, On: es.Folds[log]{byStream}},
		es.View[log]{Name: "two", Version: 1, On: es.Folds[log]{byStream, es.On(func(*log, slammed) {})}},
		logs(),
	}})
	first := core.Commit{Version: 2, Events: make([]core.Recorded, 2)}
	second := core.Commit{Version: 3, Events: make([]core.Recorded, 1)}
	for _, v := range registry.Views() {
		if got := v.Begins(&first); got != (v.Name == "one") {
			t.Errorf("%s begins with the first commit: %v", v.Name, got)
		}
		if v.Begins(&second) {
			t.Errorf("%s begins with the second commit", v.Name)
		}
	}
}
