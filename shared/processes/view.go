package processes

import (
	"reflect"
	"strings"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// ViewName is the name of the built-in view of process instances. Its keys are "<process>:<instance>".
const ViewName = "processes"

// Document is a process instance in the view "processes".
type Document struct {
	Process  string `json:"process"`
	Instance string `json:"instance"`
	Status   Status `json:"status"`
	Step     string `json:"step,omitempty"`
	Reason   string `json:"reason,omitempty"` // why it compensates, failed or was cancelled
	Error    string `json:"error,omitempty"`  // why it is parked
	Waiting  int    `json:"waiting"`          // queued triggers while it is parked
	Started  string `json:"started"`          // RFC 3339 with microseconds, UTC, so that texts sort as times do
	Updated  string `json:"updated"`

	Resume Status `json:"resume,omitempty"` // while it is parked: the status after a retry
}

const processTime = "2006-01-02T15:04:05.000000Z"

// DocumentKey returns the key of an instance's document.
func DocumentKey(process, instance string) string { return process + ":" + instance }

// instancesView returns the view of process instances.
func instancesView(r *core.Registry) (*core.ViewType, error) {
	spec := core.ViewSpec{
		Name: ViewName, Version: 1,
		Fields: core.Fields{{Name: "process"}, {Name: "status"}, {Name: "updated"}, {Name: "started"}},
	}
	folds := []core.FoldSpec{
		onInstance((*Document).reacted),
		onInstance(func(d *Document, e Parked) {
			if d.Waiting == 0 {
				d.Waiting = 1
			}
			if d.Resume = d.Status; d.Status == "" {
				d.Resume = StatusRunning
			}
			d.Status, d.Error = StatusParked, e.Error
		}),
		onInstance(func(d *Document, _ TriggerHeld) { d.Waiting++ }),
		onInstance(func(d *Document, _ TriggerDropped) { d.took() }),
		onInstance(func(d *Document, _ TriggerForwarded) { d.took() }),
		onInstance(func(d *Document, _ Retried) { d.Status, d.Resume, d.Error = d.Resume, "", "" }),
		onInstance(func(d *Document, _ Completed) { d.Status = StatusCompleted }),
		onInstance(func(d *Document, e Failed) { d.Status, d.Reason = StatusFailed, e.Reason }),
		onInstance(func(d *Document, e Cancelled) {
			d.Status, d.Reason, d.Error, d.Waiting = StatusCancelled, e.Reason, "", 0
		}),
	}
	return core.NewViewType("process", spec, func() any { return &Document{} }, folds, r.EventOf)
}

func (d *Document) reacted(e Reacted) {
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

// took counts a handled trigger: while triggers are queued, only queued ones are handled.
func (d *Document) took() { d.Waiting = max(0, d.Waiting-1) }

// onInstance returns the fold of an event into the document of its instance.
func onInstance[E any](fold func(*Document, E)) core.FoldSpec {
	return core.FoldSpec{
		Event: reflect.TypeFor[E](),
		Keys: func(_ core.Event, m core.Meta) []string {
			return []string{DocumentKey(strings.TrimPrefix(m.Stream.Category, core.ProcessCategoryPrefix), m.Stream.ID)}
		},
		Fold: func(document any, e core.Event, m core.Meta) error {
			d := document.(*Document)
			now := m.Time.UTC().Truncate(time.Microsecond).Format(processTime)
			if d.Started == "" {
				d.Process, d.Instance, d.Started = strings.TrimPrefix(m.Stream.Category, core.ProcessCategoryPrefix), m.Stream.ID, now
			}
			d.Updated = now
			fold(d, e.(E))
			return nil
		},
	}
}
