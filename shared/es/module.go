package es

import (
	"errors"
	"fmt"
	"orchestrix/shared/core"
)

// Module is one bounded context: what its package offers to the platform.
type Module struct {
	Name      string // a token; the first part of its events' types
	Deciders  []DeciderDef
	Views     []ViewDef
	Queries   []QueryDef
	Processes []ProcessDef
}

// NewRegistry checks the modules and puts them together. The error names everything that is wrong with them.
func NewRegistry(modules ...Module) (*Registry, error) {
	r := core.NewRegistry()
	var errs []error
	add := func(m Module, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("module %q: %w", m.Name, err))
		}
	}
	for _, m := range modules {
		errs = append(errs, core.CheckToken("module", m.Name))
		for _, d := range m.Deciders {
			add(m, compileInto(r.AddAggregate, func() (*core.Aggregate, error) { return d.compile(m.Name) }))
		}
	}
	for _, m := range modules { // when all deciders are known: a process may react to the events of any
		for _, p := range m.Processes {
			add(m, compileInto(r.AddProcess, func() (*core.ProcessType, error) { return p.compileProcess(m.Name, r) }))
		}
	}
	for _, m := range modules {
		for _, v := range m.Views {
			add(m, compileInto(r.AddView, func() (*core.ViewType, error) { return v.compile(m.Name, r) }))
		}
		for _, q := range m.Queries {
			add(m, compileInto(r.AddQuery, func() (*core.QueryType, error) { return q.compile(m.Name) }))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, nil
}

func compileInto[T any](add func(T) error, compile func() (T, error)) error {
	compiled, err := compile()
	if err != nil {
		return err
	}
	return add(compiled)
}
