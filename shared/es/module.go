package es

import (
	"errors"
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es/internal/bridge"
)

// Module is one bounded context: the aggregates, views, queries and processes that its package offers.
type Module struct {
	Name      string // a token; the first part of its events' types
	Deciders  []DeciderDef
	Views     []ViewDef
	Queries   []QueryDef
	Processes []ProcessDef
}

// Check checks that the modules fit together: that each definition is complete, and that names, categories and types are unique.
// The error lists all faults of all modules. A service that has such faults does not start.
func Check(modules ...Module) error {
	_, err := compileAll(modules)
	return err
}

func init() {
	bridge.Compile = func(modules any) (*core.Registry, error) { return compileAll(modules.([]Module)) }
}

// compileAll returns the registry of the modules.
func compileAll(modules []Module) (*core.Registry, error) {
	r := core.NewRegistry()
	var errs []error
	report := func(m Module, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("module %q: %w", m.Name, err))
		}
	}
	for _, m := range modules {
		errs = append(errs, core.CheckToken("module", m.Name))
		for _, d := range m.Deciders {
			report(m, compileInto(r.AddAggregate, func() (*core.Aggregate, error) { return d.compile(m.Name) }))
		}
	}
	for _, m := range modules { // after all deciders: a process may react to events of any module
		for _, p := range m.Processes {
			report(m, compileInto(r.AddProcess, func() (*core.ProcessType, error) { return p.compileProcess(m.Name, r) }))
		}
	}
	for _, m := range modules {
		for _, v := range m.Views {
			report(m, compileInto(r.AddView, func() (*core.ViewType, error) { return v.compile(m.Name, r) }))
		}
		for _, q := range m.Queries {
			report(m, compileInto(r.AddQuery, func() (*core.QueryType, error) { return q.compile(m.Name) }))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, nil
}

// compileInto compiles a definition and adds the result to the registry.
func compileInto[T any](add func(T) error, compile func() (T, error)) error {
	compiled, err := compile()
	if err != nil {
		return err
	}
	return add(compiled)
}
