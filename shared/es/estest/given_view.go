package estest

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
)

// Project starts a scenario of one view: events are folded in memory, as a projection does.
//
//	estest.Project(t, ordering.Module(), ordering.SalesByCountry).
//		On("10248", placed, cancelled).
//		On("10249", placed).
//		Then("France", ordering.CountrySales{…})
//
// module has the deciders of the view's events; the view need not be in module.Views. Events and documents pass through their
// JSON form, as in the log and in Postgres.
func Project[D any](t testing.TB, module es.Module, view es.View[D]) *Projection[D] {
	t.Helper()
	registry, err := compile.Modules(es.Module{Name: module.Name, Deciders: module.Deciders, Views: []es.ViewDef{view}})
	if err != nil {
		t.Fatalf("the view can't be registered: %v", err)
	}
	viewType, _ := registry.View(view.Name)
	return &Projection[D]{
		t: t, registry: registry, view: viewType,
		time:      time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		versions:  map[es.Stream]core.Version{},
		documents: map[string]json.RawMessage{},
	}
}

// Projection is a view after some events.
type Projection[D any] struct {
	t         testing.TB
	registry  *core.Registry
	view      *core.ViewType
	time      time.Time
	sequence  uint64
	versions  map[es.Stream]core.Version
	documents map[string]json.RawMessage
}

// At sets the time of the following events. The default is 2026-01-02T03:04:05Z.
func (p *Projection[D]) At(at time.Time) *Projection[D] {
	p.time = at
	return p
}

// On folds events of the aggregate with this id. An event that the view can't apply ends the test.
func (p *Projection[D]) On(id string, events ...es.Event) *Projection[D] {
	p.t.Helper()
	for _, event := range events {
		category, recorded := p.record(event)
		stream := es.Stream{Tenant: core.DefaultTenant, Category: category, ID: id}
		p.sequence++
		p.versions[stream]++
		if !p.view.Folds(recorded.Type) {
			continue
		}
		p.fold(recorded, es.Meta{
			Stream: stream, Version: p.versions[stream],
			Position: core.Position{Sequence: p.sequence}, Time: p.time,
		})
	}
	return p
}

// record encodes an event for the log and returns the category of its decider.
func (p *Projection[D]) record(event es.Event) (category string, r core.Recorded) {
	p.t.Helper()
	for _, aggregate := range p.registry.Aggregates() {
		recorded, err := aggregate.Encode(event)
		if err == nil {
			return aggregate.Category, recorded
		}
		if !errors.Is(err, core.ErrUnknownEvent) {
			p.t.Fatal(err)
		}
	}
	p.t.Fatalf("no decider of module %q applies %T", p.view.Module, event)
	return "", core.Recorded{}
}

func (p *Projection[D]) fold(recorded core.Recorded, m es.Meta) {
	p.t.Helper()
	event, err := p.registry.Decode(recorded)
	if err != nil {
		p.t.Fatal(err)
	}
	keys, err := p.view.Keys(recorded.Type, event, m)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, key := range keys {
		m.Key = key
		document := p.view.NewDocument()
		if data, ok := p.documents[key]; ok {
			p.decode(key, data, document)
		}
		err := p.view.Fold(recorded.Type, document, event, m)
		switch {
		case errors.Is(err, es.Delete):
			delete(p.documents, key)
		case err != nil:
			p.t.Fatalf("view %s, key %q: %s of %s can't be applied: %v", p.view.Name, key, recorded.Type, m.Stream, err)
		default:
			p.documents[key] = encode(p.t, document)
		}
	}
}

func (p *Projection[D]) decode(key string, data json.RawMessage, into any) {
	p.t.Helper()
	if err := core.Unmarshal(data, into); err != nil {
		p.t.Fatalf("view %s: the document %q can't be read back: %v", p.view.Name, key, err)
	}
}

// Then expects a document under this key.
func (p *Projection[D]) Then(key string, want D) *Projection[D] {
	p.t.Helper()
	data, ok := p.documents[key]
	if !ok {
		p.t.Errorf("view %s has no document %q; it has %q", p.view.Name, key, slices.Sorted(maps.Keys(p.documents)))
		return p
	}
	var got D
	p.decode(key, data, &got)
	if d := difference(want, got); d != "" {
		p.t.Errorf("view %s: the document %q differs (- expected, + got):\n%s", p.view.Name, key, d)
	}
	return p
}

// ThenNone expects that there is no document under this key.
func (p *Projection[D]) ThenNone(key string) *Projection[D] {
	p.t.Helper()
	if data, ok := p.documents[key]; ok {
		p.t.Errorf("view %s has the document %q, expected none: %s", p.view.Name, key, data)
	}
	return p
}

// Documents returns all documents by key.
func (p *Projection[D]) Documents() map[string]D {
	p.t.Helper()
	all := make(map[string]D, len(p.documents))
	for key, data := range p.documents {
		var d D
		p.decode(key, data, &d)
		all[key] = d
	}
	return all
}
