package estest

import (
	"context"
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
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

// fault is a [Fault] with its identity: two faults may have the same text.
type fault struct {
	Fault
	id faultID
}

// faultID identifies a fault: the parked event, dead letter or instance, and how often it has failed.
type faultID struct {
	kind  FaultKind
	of    string
	count int
}

// Faults returns the faults so far. They do not fail the test; later ones do, also of the same text.
func (p *Running) Faults() (faults []Fault) {
	p.t.Helper()
	var found []fault
	p.must("list faults", func(ctx context.Context) (err error) {
		found, err = p.faults(ctx)
		return err
	})
	for _, f := range found {
		p.reported[f.id] = true
		faults = append(faults, f.Fault)
	}
	return faults
}

func (p *Running) faults(ctx context.Context) (faults []fault, err error) {
	for _, list := range []func(context.Context) ([]fault, error){p.parkedEvents, p.deadLetters, p.parkedInstances} {
		found, err := list(ctx)
		if err != nil {
			return nil, err
		}
		faults = append(faults, found...)
	}
	return faults, nil
}

func (p *Running) parkedEvents(ctx context.Context) (faults []fault, err error) {
	for after := int64(0); ; {
		page, err := p.stores.views.Parked(ctx, port.ParkedQuery{After: after, Limit: core.MaxListLimit})
		if err != nil || len(page) == 0 {
			return faults, err
		}
		for _, e := range page {
			faults = append(faults, fault{
				Fault{ParkedEvent, fmt.Sprintf("view %s, %s of %s", e.Build.View, e.Type, e.Stream), e.Failure.Message},
				faultID{ParkedEvent, fmt.Sprint(e.ID), e.Attempts},
			})
			after = e.ID
		}
	}
}

func (p *Running) deadLetters(ctx context.Context) (faults []fault, err error) {
	for after := uint64(0); ; {
		page, err := p.stores.bus.DeadLetters(ctx, port.DeadLetterQuery{After: after, Limit: core.MaxListLimit})
		if err != nil || len(page) == 0 {
			return faults, err
		}
		for _, l := range page {
			faults = append(faults, fault{
				Fault{DeadLetter, "a message to " + l.To.String(), l.Error},
				faultID{DeadLetter, fmt.Sprint(l.Number), 1}, // another failure has another number
			})
			after = l.Number
		}
	}
}

func (p *Running) parkedInstances(ctx context.Context) (faults []fault, err error) {
	if len(p.registry.Processes()) == 0 {
		return nil, nil
	}
	q := core.ListQuery{Filter: []core.FieldValue{{Field: "status", Value: string(StatusParked)}}, Limit: core.MaxListLimit}
	for {
		page, err := p.stores.views.List(ctx, processes.ViewName, p.tenant, q)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			var d processes.Document
			if err := core.Unmarshal(item.Data, &d); err != nil {
				return nil, err
			}
			count, err := p.parkings(ctx, p.instance(d.Process, d.Instance))
			if err != nil {
				return nil, err
			}
			faults = append(faults, fault{
				Fault{ParkedInstance, fmt.Sprintf("process %s, instance %s", d.Process, d.Instance), d.Error},
				faultID{ParkedInstance, item.Key, count},
			})
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return faults, nil
		}
	}
}

// parkings returns how often an instance was parked.
func (p *Running) parkings(ctx context.Context, instance es.Stream) (count int, err error) {
	events, err := p.eventsAfter(ctx, instance, 0)
	for _, event := range events {
		if _, ok := event.(processes.Parked); ok {
			count++
		}
	}
	return count, err
}
