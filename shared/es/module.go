package es

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Module is one bounded context: what its package offers to the platform.
type Module struct {
	Name      string // a token; the first part of its events' types
	Deciders  []DeciderDef
	Views     []ViewDef
	Queries   []QueryDef
	Processes []ProcessDef
}

// Registry is every module of a program, checked and ready to run. It does not change after it was made.
type Registry struct {
	aggregates []*Aggregate
	categories map[string]*Aggregate
	events     map[string]*EventType
	views      []*ViewType
	viewNamed  map[string]*ViewType
	queries    []*QueryType
	processes  []*ProcessType
	instances  *Aggregate // what the aggregates of all processes have in common; nil where there is none
}

// NewRegistry checks the modules and puts them together. The error names everything that is wrong with them.
func NewRegistry(modules ...Module) (*Registry, error) {
	r := &Registry{
		categories: map[string]*Aggregate{},
		events:     map[string]*EventType{},
		viewNamed:  map[string]*ViewType{},
	}
	var errs []error
	typed := map[reflect.Type]*EventType{}
	for _, m := range modules {
		errs = append(errs, CheckToken("module", m.Name))
		for _, d := range m.Deciders {
			errs = append(errs, inModule(m, r.addDecider(m, d, typed)))
		}
	}
	errs = append(errs, r.addProcesses(modules, typed))
	for _, m := range modules {
		for _, v := range m.Views {
			errs = append(errs, inModule(m, r.addView(m, v, typed)))
		}
		for _, q := range m.Queries {
			errs = append(errs, inModule(m, r.addQuery(m, q)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, nil
}

func inModule(m Module, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("module %q: %w", m.Name, err)
}

func (r *Registry) addDecider(m Module, d DeciderDef, typed map[reflect.Type]*EventType) error {
	a, err := d.compile(m.Name)
	if err != nil {
		return err
	}
	if strings.HasPrefix(a.Category, ProcessCategory) {
		return fmt.Errorf("category %q starts as only those of process instances do", a.Category)
	}
	if other := r.categories[a.Category]; other != nil {
		return fmt.Errorf("category %q is already that of a decider of module %q", a.Category, other.Module)
	}
	r.categories[a.Category] = a
	r.aggregates = append(r.aggregates, a)
	return r.addEvents(a, typed)
}

func (r *Registry) addEvents(a *Aggregate, typed map[reflect.Type]*EventType) error {
	for _, e := range a.Events() {
		for name := range e.names() {
			if other := r.events[name]; other != nil {
				return nameTaken(e, name, other)
			}
			r.events[name] = e
		}
		if other := typed[e.Type]; other != nil {
			return fmt.Errorf("event %s: the type %v is already that of event %s", e.Name, e.Type, other.Name)
		}
		typed[e.Type] = e
	}
	return nil
}

// addProcesses adds the processes of all modules, when all deciders are known: a process may react to the events of any.
func (r *Registry) addProcesses(modules []Module, typed map[reflect.Type]*EventType) error {
	var errs []error
	for _, m := range modules {
		for _, d := range m.Processes {
			if r.instances == nil {
				errs = append(errs, r.addInstances(typed))
			}
			errs = append(errs, inModule(m, r.addProcess(m, d, typed)))
		}
	}
	return errors.Join(errs...)
}

// addInstances registers what all processes share: the events of their instances, and the view of them.
func (r *Registry) addInstances(typed map[reflect.Type]*EventType) error {
	a, err := Decider[ProcessInstance]{Category: processCategory, Evolve: processEvents()}.compile("process")
	if err != nil {
		return err
	}
	r.instances = a
	if err := r.addEvents(a, typed); err != nil {
		return err
	}
	return r.addView(Module{Name: a.Module}, processView(), typed)
}

func (r *Registry) addProcess(m Module, d ProcessDef, typed map[reflect.Type]*EventType) error {
	p, err := d.compileProcess(m.Name, r, typed)
	if err != nil {
		return err
	}
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

func (r *Registry) addView(m Module, d ViewDef, typed map[reflect.Type]*EventType) error {
	v, err := d.compile(m.Name, typed)
	if err != nil {
		return err
	}
	if other := r.viewNamed[v.Name]; other != nil {
		return fmt.Errorf("view %q is already one of module %q", v.Name, other.Module)
	}
	r.viewNamed[v.Name] = v
	r.views = append(r.views, v)
	return nil
}

func (r *Registry) addQuery(m Module, d QueryDef) error {
	q, err := d.compile(m.Name)
	if err != nil {
		return err
	}
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

// Decode turns any module's recorded event into today's event. Its error wraps [ErrUnknownEvent] or
// [ErrBadPayload].
func (r *Registry) Decode(recorded Recorded) (Event, error) {
	t, ok := r.events[recorded.Type]
	if !ok {
		return nil, fmt.Errorf("%w: no module applies %s; register it with es.Apply, or run the version of the program that wrote it", ErrUnknownEvent, recorded.Type)
	}
	return t.codec.read(recorded)
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
