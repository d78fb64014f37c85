package es

import (
	"reflect"
	"strings"
	"time"
)

// ProcessesView is the name of the built-in view of process instances. Its keys are "<process>:<instance>".
const ProcessesView = "processes"

// ProcessDocument is how a process instance stands, in the view "processes".
type ProcessDocument struct {
	Process  string        `json:"process"`
	Instance string        `json:"instance"`
	Status   ProcessStatus `json:"status"`
	Step     string        `json:"step,omitempty"`
	Reason   string        `json:"reason,omitempty"` // why it compensates, has failed, was cancelled
	Error    string        `json:"error,omitempty"`  // why it is parked
	Waiting  int           `json:"waiting"`          // triggers that wait while it is parked
	Started  string        `json:"started"`          // RFC 3339 with microseconds, UTC, so that texts sort as times do
	Updated  string        `json:"updated"`

	Resume ProcessStatus `json:"resume,omitempty"` // while it is parked: the status that it goes on with
}

const processTime = "2006-01-02T15:04:05.000000Z"

// ProcessKey is the key of an instance's document in the view of processes.
func ProcessKey(process, instance string) string { return process + ":" + instance }

// processView is the view of process instances.
func processView(r *Registry) (*ViewType, error) {
	spec := ViewSpec{
		Name: ProcessesView, Version: 1,
		Fields: Fields{{Name: "process"}, {Name: "status"}, {Name: "updated"}, {Name: "started"}},
	}
	folds := []FoldSpec{
		onInstance((*ProcessDocument).reacted),
		onInstance(func(d *ProcessDocument, e ProcessParked) {
			if d.Waiting == 0 {
				d.Waiting = 1
			}
			if d.Resume = d.Status; d.Status == "" {
				d.Resume = StatusRunning
			}
			d.Status, d.Error = StatusParked, e.Error
		}),
		onInstance(func(d *ProcessDocument, _ TriggerHeld) { d.Waiting++ }),
		onInstance(func(d *ProcessDocument, _ TriggerDropped) { d.took() }),
		onInstance(func(d *ProcessDocument, _ TriggerForwarded) { d.took() }),
		onInstance(func(d *ProcessDocument, _ ProcessRetried) { d.Status, d.Resume, d.Error = d.Resume, "", "" }),
		onInstance(func(d *ProcessDocument, _ ProcessCompleted) { d.Status = StatusCompleted }),
		onInstance(func(d *ProcessDocument, e ProcessFailed) { d.Status, d.Reason = StatusFailed, e.Reason }),
		onInstance(func(d *ProcessDocument, e ProcessCancelled) {
			d.Status, d.Reason, d.Error, d.Waiting = StatusCancelled, e.Reason, "", 0
		}),
	}
	return NewViewType("process", spec, func() any { return &ProcessDocument{} }, folds, r.EventOf)
}

func (d *ProcessDocument) reacted(e ProcessReacted) {
	d.took()
	switch {
	case d.Status.Ended():
	case e.Compensating != "":
		d.Status, d.Reason = StatusCompensating, e.Compensating
	case d.Status == "":
		d.Status = StatusRunning
	}
	if e.Step != "" {
		d.Step = e.Step
	}
}

// took counts down what waits: while anything does, nothing else is taken.
func (d *ProcessDocument) took() { d.Waiting = max(0, d.Waiting-1) }

// onInstance folds an event into the document of its instance.
func onInstance[E any](fold func(*ProcessDocument, E)) FoldSpec {
	return FoldSpec{
		Event: reflect.TypeFor[E](),
		Keys: func(_ Event, m Meta) []string {
			return []string{ProcessKey(strings.TrimPrefix(m.Stream.Category, ProcessCategory), m.Stream.ID)}
		},
		Fold: func(document any, e Event, m Meta) error {
			d := document.(*ProcessDocument)
			now := m.Time.UTC().Truncate(time.Microsecond).Format(processTime)
			if d.Started == "" {
				d.Process, d.Instance, d.Started = strings.TrimPrefix(m.Stream.Category, ProcessCategory), m.Stream.ID, now
			}
			d.Updated = now
			fold(d, e.(E))
			return nil
		},
	}
}
