package core

import (
	"fmt"
	"reflect"
	"strings"
)

// Registry is every module of a program, checked and ready to run. It does not change once it is complete.
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

// EmptyRegistry returns a registry that is completed with its Add methods: aggregates first, then processes, then views and
// queries.
func NewRegistry() *Registry {
	return &Registry{
		categories: map[string]*Aggregate{},
		events:     map[string]*EventType{},
		typed:      map[reflect.Type]*EventType{},
		viewNamed:  map[string]*ViewType{},
	}
}

// AddAggregate adds a decider and its events. The error says what is registered twice.
func (r *Registry) AddAggregate(a *Aggregate) error {
	if strings.HasPrefix(a.Category, ProcessCategory) {
		return fmt.Errorf("category %q starts as only those of process instances do", a.Category)
	}
	if other := r.categories[a.Category]; other != nil {
		return fmt.Errorf("category %q is already that of a decider of module %q", a.Category, other.Module)
	}
	r.categories[a.Category] = a
	r.aggregates = append(r.aggregates, a)
	return r.AddEvents(a)
}

// AddEvents adds the events of an aggregate that takes no commands from clients. The error says what is registered twice.
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

// AddProcess adds a process and the aggregate of its instances.
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

// AddView adds a view.
func (r *Registry) AddView(v *ViewType) error {
	if other := r.viewNamed[v.Name]; other != nil {
		return fmt.Errorf("view %q is already one of module %q", v.Name, other.Module)
	}
	r.viewNamed[v.Name] = v
	r.views = append(r.views, v)
	return nil
}

// AddQuery adds a query.
func (r *Registry) AddQuery(q *QueryType) error {
	for _, other := range r.queries {
		if other.Name == q.Name {
			return fmt.Errorf("query %q is already one of module %q", q.Name, other.Module)
		}
	}
	r.queries = append(r.queries, q)
	return nil
}

// Aggregates are all deciders, in the order of the modules, and those of the instances of processes, which take no
// command from outside.
func (r *Registry) Aggregates() []*Aggregate { return r.aggregates }

// Aggregate finds a decider by its category.
func (r *Registry) Aggregate(category string) (*Aggregate, bool) {
	a, ok := r.categories[category]
	return a, ok
}

// Knows reports whether a module applies events of this full name, in whichever schema version.
func (r *Registry) Knows(eventName string) bool {
	_, ok := r.events[eventName]
	return ok
}

// Event finds an event by its full name: "ordering.OrderPlaced".
func (r *Registry) Event(name string) (*EventType, bool) {
	e, ok := r.events[name]
	return e, ok
}

// EventOf finds an event by its Go type.
func (r *Registry) EventOf(t reflect.Type) (*EventType, bool) {
	e, ok := r.typed[t]
	return e, ok
}

// Decode turns any module's recorded event into today's event. Its error wraps [ErrUnknownEvent] or
// [ErrBadPayload].
func (r *Registry) Decode(recorded Recorded) (Event, error) {
	t, ok := r.events[recorded.Type]
	if !ok {
		return nil, fmt.Errorf("%w: no module applies %s; register it with es.Apply, or run the version of the program that wrote it", ErrUnknownEvent, recorded.Type)
	}
	return t.codec.Decode(recorded)
}

// Views are all views, in the order of the modules.
func (r *Registry) Views() []*ViewType { return r.views }

// View finds a view by its name.
func (r *Registry) View(name string) (*ViewType, bool) {
	v, ok := r.viewNamed[name]
	return v, ok
}

// Queries are all queries, in the order of the modules.
func (r *Registry) Queries() []*QueryType { return r.queries }

// Processes are all processes, in the order of the modules.
func (r *Registry) Processes() []*ProcessType { return r.processes }

// ProcessOf finds the process of an instance, by the category of its stream.
func (r *Registry) ProcessOf(category string) (*ProcessType, bool) {
	for _, p := range r.processes {
		if p.Aggregate.Category == category {
			return p, true
		}
	}
	return nil, false
}
