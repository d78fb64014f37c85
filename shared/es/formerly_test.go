package es_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
)

// An event whose kind and module have changed is read under each of its names, through upcasts.
func TestFormerNames(t *testing.T) {
	t.Parallel()
	decider := residents(es.Formerly("town.Arrived"), es.From(1, splitName), es.Formerly("village.Moved"), es.From(2, addCountry))
	registry := register(t, es.Module{Name: "house", Deciders: []es.DeciderDef{decider}, Views: []es.ViewDef{
		es.View[int]{Name: "moves", Version: 1, On: es.Folds[int]{es.On(func(n *int, _ moved) { *n++ })}},
	}})
	a, _ := registry.Aggregate("resident")
	view := registry.Views()[0]
	for _, name := range []string{"house.Moved", "town.Arrived", "village.Moved"} {
		recorded := core.Recorded{Type: name, Schema: 1, Data: json.RawMessage(`{"name":"Ada Byron"}`)}
		event, err := registry.Decode(recorded)
		if err != nil || event != (moved{"Ada", "Byron", "unknown"}) || !registry.Knows(name) || !view.Folds(name) {
			t.Errorf("%s is %+v, %v", name, event, err)
		}
		if event, err = a.Decode(recorded); err != nil {
			t.Errorf("%s is %+v, %v", name, event, err)
		}
	}
	if today, err := a.Encode(moved{}); err != nil || today.Type != "house.Moved" || today.Schema != 3 {
		t.Errorf("today's event is %+v, %v", today, err)
	}
}

func TestFormerNamesRefused(t *testing.T) {
	t.Parallel()
	house := func(options ...es.EventOption) es.Module {
		return es.Module{Name: "house", Deciders: []es.DeciderDef{residents(options...)}}
	}
	other := func(options ...es.EventOption) es.Module {
		return es.Module{Name: "town", Deciders: []es.DeciderDef{es.Decider[door]{Category: "gate", Evolve: es.Events[door]{
			es.Apply("Opened", door.opened, options...), es.Apply("Closed", door.closed),
		}}}}
	}
	for want, modules := range map[string][]es.Module{
		"event house.Moved was formerly called town.Gone, and so was event town.Opened":        {other(es.Formerly("town.Gone")), house(es.Formerly("town.Gone"))},
		"formerly called town.Closed, which is the name of a living event of decider \"gate\"": {other(), house(es.Formerly("town.Closed"))},
		"event town.Closed of decider \"gate\": event house.Moved was formerly called so":      {house(es.Formerly("town.Closed")), other()},
		"event house.Moved was formerly called house.Moved: it has this name already":          {house(es.Formerly("house.Moved"))},
		"event house.Moved was formerly called a.B: it has this name already":                  {house(es.Formerly("a.B"), es.Formerly("a.B"))},
		"the former name \"Moved\" is not a full name":                                         {house(es.Formerly("Moved"))},
		"the former name \"a.b.c\" is not a full name":                                         {house(es.Formerly("a.b.c"))},
		"event town.Closed of decider \"gate\": event town.Opened was formerly called so":      {other(es.Formerly("town.Closed"))},
	} {
		if err := es.Check(modules...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}
