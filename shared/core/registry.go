package core

import (
	"fmt"
	"reflect"
	"strings"
)

// Registry holds all modules of a program, checked. It does not change after it is complete, and may then be used
// concurrently.
type Registry struct {
	aggregates []*Aggregate
	categories map[string]*Aggregate
	events     map[string]*EventType
	typed      map[reflect.Type]*EventType
	views      []*ViewType
	viewNamed  map[string]*ViewType
	queries    []*QueryType
	processes  []*ProcessType
}

// NewRegistry returns an empty registry. Its Add methods complete it: aggregates first, then processes, then views and
// queries.
func NewRegistry() *Registry {
	return &Registry{
		categories: map[string]*Aggregate{},
		events:     map[string]*EventType{},
		typed:      map[reflect.Type]*EventType{},
		viewNamed:  map[string]*ViewType{},
	}
}

// AddAggregate adds a decider and its events. It returns an error for a category, an event or an event type that is
// registered already.
func (r *Registry) AddAggregate(a *Aggregate) error {
	if strings.HasPrefix(a.Category, ProcessCategoryPrefix) {
		return fmt.Errorf("category %q starts as only those of process instances do", a.Category)
	}
	if other := r.categories[a.Category]; other != nil {
		return fmt.Errorf("category %q is already that of a decider of module %q", a.Category, other.Module)
	}
	r.categories[a.Category] = a
	r.aggregates = append(r.aggregates, a)
	return r.AddEvents(a)
}

// AddEvents adds only the events of an aggregate. It returns an error for an event or an event type that is registered
// already.
func (r *Registry) AddEvents(a *Aggregate) error {
	for _, e := range a.Events() {
		for name := range e.Names() {
			if other := r.events[name]; other != nil {
				return nameTaken(e, name, other)
			}
			r.events[name] = e
		}
		if other := r.typed[e.Type]; other != nil {
			return fmt.Errorf("event %s: the type %v is already that of event %s", e.Name, e.Type, other.Name)
		}
		r.typed[e.Type] = e
	}
	return nil
}

// AddProcess adds a process and the aggregate of its instances. It returns an error where the name is taken.
func (r *Registry) AddProcess(p *ProcessType) error {
	for _, other := range r.processes {
		if other.Name == p.Name {
			return fmt.Errorf("process %q is already one of module %q", p.Name, other.Module)
		}
	}
	r.processes = append(r.processes, p)
	r.categories[p.Aggregate.Category] = p.Aggregate
	r.aggregates = append(r.aggregates, p.Aggregate)
	return nil
}

// AddView adds a view. It returns an error where the name is taken.
func (r *Registry) AddView(v *ViewType) error {
	if other := r.viewNamed[v.Name]; other != nil {
		return fmt.Errorf("view %q is already one of module %q", v.Name, other.Module)
	}
	r.viewNamed[v.Name] = v
	r.views = append(r.views, v)
	return nil
}

// AddQuery adds a query. It returns an error where the name is taken.
func (r *Registry) AddQuery(q *QueryType) error {
	for _, other := range r.queries {
		if other.Name == q.Name {
			return fmt.Errorf("query %q is already one of module %q", q.Name, other.Module)
		}
	}
	r.queries = append(r.queries, q)
	return nil
}

// Aggregates returns all aggregates, in the order of the modules, then those of process instances, which accept no
// commands from clients.
func (r *Registry) Aggregates() []*Aggregate { return r.aggregates }

// Aggregate returns the aggregate of a category.
func (r *Registry) Aggregate(category string) (*Aggregate, bool) {
	a, ok := r.categories[category]
	return a, ok
}

// Knows reports whether a module applies events of this full name, in any schema version.
func (r *Registry) Knows(eventName string) bool {
	_, ok := r.events[eventName]
	return ok
}

// Event returns the event of a full name, such as "ordering.OrderPlaced".
func (r *Registry) Event(name string) (*EventType, bool) {
	e, ok := r.events[name]
	return e, ok
}

// EventOf returns the event of a Go type.
func (r *Registry) EventOf(t reflect.Type) (*EventType, bool) {
	e, ok := r.typed[t]
	return e, ok
}

// Decode returns a recorded event of any module as a value of its current Go type. Its error wraps [ErrUnknownEvent] or
// [ErrBadPayload].
func (r *Registry) Decode(recorded Recorded) (Event, error) {
	t, ok := r.events[recorded.Type]
	if !ok {
		return nil, fmt.Errorf("%w: no module applies %s; register it with es.Apply, or run the version of the program that wrote it", ErrUnknownEvent, recorded.Type)
	}
	return t.codec.Decode(recorded)
}

// Views returns all views, in the order of the modules.
func (r *Registry) Views() []*ViewType { return r.views }

// View returns the view of this name.
func (r *Registry) View(name string) (*ViewType, bool) {
	v, ok := r.viewNamed[name]
	return v, ok
}

// Queries returns all queries, in the order of the modules.
func (r *Registry) Queries() []*QueryType { return r.queries }

// Processes returns all processes, in the order of the modules.
func (r *Registry) Processes() []*ProcessType { return r.processes }

// ProcessOf returns the process whose instances have this category.
func (r *Registry) ProcessOf(category string) (*ProcessType, bool) {
	for _, p := range r.processes {
		if p.Aggregate.Category == category {
			return p, true
		}
	}
	return nil, false
}
