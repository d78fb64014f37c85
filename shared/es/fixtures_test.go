package es_test

import (
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
)

// A door can be opened and closed; the tests of this package build their deciders and views around it.
type (
	door   struct{ Open int }
	open   struct{ By string }
	shut   struct{}
	opened struct{ By string }
	closed struct{}
)

func (d door) open(c open) ([]es.Event, error) {
	if d.Open > 0 {
		return es.Reject("door-open", "%s finds the door open", c.By)
	}
	return es.Accept(opened(c))
}

func (d door) opened(opened) door { return door{Open: d.Open + 1} }
func (d door) closed(closed) door { return door{Open: d.Open - 1} }

func doors() es.Decider[door] {
	return es.Decider[door]{
		Category: "door",
		Decide:   es.Commands[door]{es.Handle("open", door.open)},
		Evolve:   es.Events[door]{es.Apply("Opened", door.opened), es.Apply("Closed", door.closed)},
	}
}

// log is a document: who has opened the door how often.
type log struct {
	By    string `json:"by"`
	Times int    `json:"times"`
}

func (l *log) opened(e opened) { *l = log{By: e.By, Times: l.Times + 1} }

func logs() es.View[log] {
	return es.View[log]{
		Name: "logs", Version: 1,
		Fields: es.Fields{{Name: "times", Kind: es.Number}},
		On:     es.Folds[log]{es.OnKey(func(e opened) string { return e.By }, (*log).opened)},
	}
}

func register(t testing.TB, modules ...es.Module) *core.Registry {
	t.Helper()
	registry, err := compile.Modules(modules...)
	if err != nil {
		t.Fatal(err)
	}
	return registry
}

// aggregate registers a decider in the module "house".
func aggregate(t testing.TB, d es.DeciderDef, category string) *core.Aggregate {
	t.Helper()
	a, ok := register(t, es.Module{Name: "house", Deciders: []es.DeciderDef{d}}).Aggregate(category)
	if !ok {
		t.Fatalf("there is no %q", category)
	}
	return a
}

var orderStream = es.Stream{Tenant: "default", Category: "order", ID: "10248"}
