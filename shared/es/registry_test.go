package es_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

func countQuery(name string) es.Query[struct{}, int] {
	return es.Query[struct{}, int]{Name: name, Run: func(context.Context, es.Views, struct{}) (int, error) { return 0, nil }}
}

func house() es.Module {
	return es.Module{
		Name: "house", Deciders: []es.DeciderDef{doors()}, Views: []es.ViewDef{logs()}, Queries: []es.QueryDef{countQuery("count")},
	}
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	// A view may be built from the events of a module that comes later.
	r := register(t, es.Module{Name: "guard", Views: []es.ViewDef{renamed(logs(), "visits")}}, house())
	a, ok := r.Aggregate("door")
	if !ok || len(r.Aggregates()) != 1 || a.Module != "house" || a.Category != "door" || a.Initial != (door{}) {
		t.Fatalf("aggregate is %+v", a)
	}
	if c, ok := a.Command("open"); !ok || c.Name != "open" || c.Aggregate != a {
		t.Errorf("command is %+v", c)
	}
	if c, ok := a.CommandOf(open{}); !ok || c.Name != "open" {
		t.Errorf("command is %+v", c)
	}
	if _, ok := a.Command("close"); ok {
		t.Error("an unregistered command was found")
	}
	var names []string
	for _, e := range a.Events() {
		names = append(names, e.Name)
	}
	if !slices.Equal(names, []string{"house.Opened", "house.Closed"}) {
		t.Errorf("events are %q", names)
	}
	v, ok := r.View("visits")
	if !ok || len(r.Views()) != 2 || v.Module != "guard" || !v.Shared || !v.Folds("house.Opened") || v.Folds("house.Closed") {
		t.Errorf("view is %+v", v)
	}
	if len(r.Queries()) != 1 || r.Queries()[0].Name != "count" {
		t.Errorf("queries are %v", r.Queries())
	}
}

func renamed(v es.View[log], name string) es.View[log] {
	v.Name = name
	return v
}

// Each fault of a module is found at start, and the error names it and its place.
func TestRegistryRefuses(t *testing.T) {
	t.Parallel()
	decider := func(change func(*es.Decider[door])) es.Module {
		d := doors()
		change(&d)
		return es.Module{Name: "house", Deciders: []es.DeciderDef{d}}
	}
	view := func(change func(*es.View[log])) es.Module {
		v := logs()
		change(&v)
		return es.Module{Name: "house", Deciders: []es.DeciderDef{doors()}, Views: []es.ViewDef{v}}
	}
	opening := es.Apply("Opened", door.opened)
	for name, c := range map[string]struct {
		modules []es.Module
		says    []string
	}{
		"a bad module name":      {[]es.Module{{Name: "a.b"}}, []string{"module", `"a.b"`}},
		"a bad category":         {[]es.Module{decider(func(d *es.Decider[door]) { d.Category = "a b" })}, []string{`"house"`, "category", `"a b"`}},
		"a category twice":       {[]es.Module{house(), {Name: "barn", Deciders: []es.DeciderDef{doors()}}}, []string{`"barn"`, `"door"`, `"house"`}},
		"a bad command name":     {[]es.Module{decider(func(d *es.Decider[door]) { d.Decide = append(d.Decide, es.Handle("sh ut", shutDoor)) })}, []string{`"door"`, "command", `"sh ut"`}},
		"a command name twice":   {[]es.Module{decider(func(d *es.Decider[door]) { d.Decide = append(d.Decide, es.Handle("open", shutDoor)) })}, []string{`"open"`, "es_test.shut", "twice"}},
		"a command type twice":   {[]es.Module{decider(func(d *es.Decider[door]) { d.Decide = append(d.Decide, es.Handle("enter", door.open)) })}, []string{`"enter"`, "es_test.open", "twice"}},
		"a command that is text": {[]es.Module{decider(func(d *es.Decider[door]) { d.Decide = append(d.Decide, es.Handle("say", say)) })}, []string{`"say"`, "string", "struct"}},
		"a bad kind":             {[]es.Module{decider(func(d *es.Decider[door]) { d.Evolve = es.Events[door]{es.Apply("house.Opened", door.opened)} })}, []string{"event kind", `"house.Opened"`}},
		"a kind twice": {
			[]es.Module{decider(func(d *es.Decider[door]) { d.Evolve = es.Events[door]{opening, es.Apply("Opened", door.closed)} })},
			[]string{"house.Opened", "es_test.closed", "twice"},
		},
		"an event type twice": {
			[]es.Module{decider(func(d *es.Decider[door]) { d.Evolve = es.Events[door]{opening, es.Apply("Entered", door.opened)} })},
			[]string{"house.Entered", "es_test.opened", "twice"},
		},
		"an event that is text":     {[]es.Module{decider(func(d *es.Decider[door]) { d.Evolve = es.Events[door]{es.Apply("Said", said)} })}, []string{"Said", "string", "struct"}},
		"a kind in two deciders":    {[]es.Module{twoDeciders(es.Apply("Opened", gate.closed))}, []string{"house.Opened", `"door"`}},
		"an event in two deciders":  {[]es.Module{twoDeciders(es.Apply("GateOpened", gate.opened))}, []string{"house.GateOpened", "es_test.opened", "house.Opened"}},
		"a state that can't be":     {[]es.Module{{Name: "house", Deciders: []es.DeciderDef{es.Decider[secret]{Category: "safe"}}}}, []string{`"safe"`, "es_test.secret.code", "not exported"}},
		"an event that can't be":    {[]es.Module{decider(func(d *es.Decider[door]) { d.Evolve = es.Events[door]{es.Apply("Hidden", hidden)} })}, []string{"Hidden", "es_test.secret.code"}},
		"a bad view name":           {[]es.Module{view(func(v *es.View[log]) { v.Name = "a/b" })}, []string{"view", `"a/b"`}},
		"a view twice":              {[]es.Module{house(), {Name: "barn", Views: []es.ViewDef{logs()}}}, []string{`"barn"`, `"logs"`, `"house"`}},
		"a view without version":    {[]es.Module{view(func(v *es.View[log]) { v.Version = 0 })}, []string{`"logs"`, "version", "0"}},
		"a field that isn't there":  {[]es.Module{view(func(v *es.View[log]) { v.Fields = es.Fields{{Name: "By"}} })}, []string{`"logs"`, `"By"`, "es_test.log"}},
		"a field twice":             {[]es.Module{view(func(v *es.View[log]) { v.Fields = es.Fields{{Name: "by"}, {Name: "by", Kind: es.Number}} })}, []string{`"by"`, "twice"}},
		"an event no decider has":   {[]es.Module{{Name: "guard", Views: []es.ViewDef{logs()}}}, []string{`"guard"`, `"logs"`, "es_test.opened"}},
		"an event folded twice":     {[]es.Module{view(func(v *es.View[log]) { v.On = append(v.On, es.On((*log).opened)) })}, []string{`"logs"`, "house.Opened", "twice"}},
		"a document that can't be":  {[]es.Module{{Name: "house", Views: []es.ViewDef{es.View[secret]{Name: "safes", Version: 1}}}}, []string{`"safes"`, "es_test.secret.code"}},
		"a bad query name":          {[]es.Module{{Name: "house", Queries: []es.QueryDef{countQuery("")}}}, []string{"query", "empty"}},
		"a query twice":             {[]es.Module{house(), {Name: "barn", Queries: []es.QueryDef{countQuery("count")}}}, []string{`"barn"`, `"count"`, `"house"`}},
		"a query that takes a text": {[]es.Module{{Name: "house", Queries: []es.QueryDef{es.Query[string, int]{Name: "count"}}}}, []string{`"count"`, "string", "struct"}},
		"two faults together":       {[]es.Module{view(func(v *es.View[log]) { v.Version = 0 }), {Name: "a.b"}}, []string{"version", `"a.b"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := es.Check(c.modules...)
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, part := range c.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%s is missing in: %v", part, err)
				}
			}
		})
	}
}

type (
	gate   struct{ Open bool }
	secret struct{ code string }
)

func (g gate) opened(opened) gate { return gate{Open: true} }
func (g gate) closed(closed) gate { return gate{} }

func shutDoor(door, shut) ([]es.Event, error) { return es.Accept(closed{}) }
func say(door, string) ([]es.Event, error)    { return es.Accept() }
func said(d door, _ string) door              { return d }
func hidden(d door, s secret) door            { return door{Open: len(s.code)} }

func twoDeciders(h es.EventHandler[gate]) es.Module {
	gates := es.Decider[gate]{Category: "gate", Evolve: es.Events[gate]{h}}
	return es.Module{Name: "house", Deciders: []es.DeciderDef{doors(), gates}}
}
