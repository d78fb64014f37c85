package es

import (
	"orchestrix/shared/core"
	"reflect"
)

// DeciderDef is a [Decider] of any state.
type DeciderDef interface {
	compile(module string) (*core.Aggregate, error)
}

func (d Decider[S]) compile(module string) (*core.Aggregate, error) {
	spec := core.AggregateSpec{
		Module: module, Category: d.Category, Snapshot: d.Snapshot, State: reflect.TypeFor[S](), Initial: d.Initial,
		DecodeState: func(data []byte) (any, error) {
			var s S
			err := core.Unmarshal(data, &s)
			return s, err
		},
	}
	for _, h := range d.Decide {
		spec.Commands = append(spec.Commands, core.CommandSpec{
			Name: h.name, Type: h.command, Internal: h.internal, Doc: h.doc, Decode: h.decode, DecodeKnown: h.known,
			Decide: func(s, c any) ([]Event, error) { return h.decide(s.(S), c) },
		})
	}
	for _, h := range d.Evolve {
		spec.Events = append(spec.Events, core.EventSpec{
			Codec: h.codec, Evolve: func(s any, e Event) any { return h.evolve(s.(S), e) },
		})
	}
	return core.NewAggregate(spec)
}
