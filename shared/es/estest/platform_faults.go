package estest

import (
	"context"
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/processes"
)

// Fault is something that the platform could not do and keeps for an operator.
type Fault struct {
	Kind  FaultKind
	Of    string // "view account-balance", "order-10248", "process transfer, instance t-1"
	Error string
}

// FaultKind is the kind of a [Fault].
type FaultKind string

// The kinds of faults.
const (
	ParkedEvent    FaultKind = "parked event"    // a view could not apply it
	DeadLetter     FaultKind = "dead letter"     // a command of a process, or its result, could not be handled
	ParkedInstance FaultKind = "parked instance" // the reaction of a process failed
)

// String returns the fault as one line.
func (f Fault) String() string { return fmt.Sprintf("%s of %s: %s", f.Kind, f.Of, f.Error) }

// Faults returns the faults so far. They do not fail the test.
func (p *Running) Faults() (faults []Fault) {
	p.t.Helper()
	p.must("list faults", func(ctx context.Context) (err error) {
		faults, err = p.faults(ctx)
		return err
	})
	for _, f := range faults {
		p.reported[f] = true
	}
	return faults
}

func (p *Running) faults(ctx context.Context) (faults []Fault, err error) {
	events, err := p.stores.views.Parked(ctx, port.ParkedQuery{Limit: core.MaxListLimit})
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		faults = append(faults, Fault{ParkedEvent, fmt.Sprintf("view %s, %s of %s", e.Build.View, e.Type, e.Stream), e.Failure.Message})
	}
	letters, err := p.stores.bus.DeadLetters(ctx, port.DeadLetterQuery{Limit: core.MaxListLimit})
	if err != nil {
		return nil, err
	}
	for _, l := range letters {
		faults = append(faults, Fault{DeadLetter, "a message to " + l.To.String(), l.Error})
	}
	if len(p.registry.Processes()) == 0 {
		return faults, nil
	}
	parked, err := p.stores.views.List(ctx, processes.ViewName, p.tenant, core.ListQuery{
		Filter: []core.FieldValue{{Field: "status", Value: string(StatusParked)}}, Limit: core.MaxListLimit,
	})
	for _, item := range parked.Items {
		var d processes.Document
		if err := core.Unmarshal(item.Data, &d); err != nil {
			return nil, err
		}
		faults = append(faults, Fault{ParkedInstance, fmt.Sprintf("process %s, instance %s", d.Process, d.Instance), d.Error})
	}
	return faults, err
}
