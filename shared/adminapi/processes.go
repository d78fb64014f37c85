package adminapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/cloudevents"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/problem"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/runtime/process"
)

// Processes holds the backends of the routes of the process service.
type Processes struct {
	Log       port.Log
	Views     port.ViewStore
	Deadlines port.Deadlines
	Runner    *process.Runner
}

// Processes adds the routes of process instances.
func (a *API) Processes(registry *core.Registry) *Routes[Processes] {
	r := &Routes[Processes]{api: a, starting: "the processes have not started yet"}
	h := processAPI{registry: registry}
	get(r, "processes", "/processes", "List process instances, last changed first", h.list)
	get(r, "processes", "/processes/{process}/{id}", "Show an instance with its deadlines and history", h.show, problem.BadName)
	post(r, "processes", "/processes/{process}/{id}/retry", "Retry the trigger that a parked instance failed on", h.retry, problem.BadName)
	post(r, "processes", "/processes/{process}/{id}/cancel", "End an instance early; a saga compensates", h.cancel, problem.BadName)
	post(r, "processes", "/processes/{process}/{id}/deadlines/{name}/fire", "Fire a pending deadline now, before its time", h.fire, problem.BadName)
	get(r, "processes", "/processes/partitions", "Show the progress of the process services through the log", h.partitions)
	return r
}

// ProcessList is the answer of GET /processes: documents of the view "processes", last changed first.
type ProcessList struct {
	Items []processes.Document `json:"items"`
	Next  string               `json:"next_cursor,omitempty" doc:"The cursor of the next page; absent at the end."`
}

// ProcessDetails is the answer of GET /processes/{process}/{id}.
type ProcessDetails struct {
	Process   string                   `json:"process"`
	ID        string                   `json:"id"`
	Instance  processes.Instance       `json:"instance"`
	Deadlines []DeadlineItem           `json:"deadlines" doc:"Those that are pending."`
	History   []cloudevents.CloudEvent `json:"history" doc:"The newest 200 events, oldest first."`
}

const maxHistory = 200

// ProcessAnswer is the state of an instance after an action.
type ProcessAnswer struct {
	Status  processes.Status `json:"status"`
	Error   string           `json:"error,omitempty" doc:"Why it is parked."`
	Waiting int              `json:"waiting" doc:"The number of triggers that wait while it is parked."`
}

// ProcessPartitions is the answer of GET /processes/partitions.
type ProcessPartitions struct {
	Items []PartitionStatus `json:"items"`
}

// processPage are the parameters of a list of instances.
type processPage struct {
	Status  string     `query:"status" doc:"Only those of this status."`
	Process string     `query:"process" doc:"Only those of this process."`
	Cursor  string     `query:"cursor" doc:"The next_cursor of the page before."`
	Limit   limitParam `query:"limit" doc:"The maximum number of items."`
}

// processAPI holds the handlers of process instances.
type processAPI struct{ registry *core.Registry }

func (h processAPI) list(ctx context.Context, p *Processes, in *processPage) (ProcessList, error) {
	list := ProcessList{Items: []processes.Document{}}
	if len(h.registry.Processes()) == 0 {
		return list, nil
	}
	limit, err := in.Limit.number()
	if err != nil {
		return list, err
	}
	q := core.ListQuery{Sort: "updated", Desc: true, Limit: limit, Cursor: in.Cursor}
	for _, f := range []core.FieldValue{{Field: "status", Value: in.Status}, {Field: "process", Value: in.Process}} {
		if f.Value != "" {
			q.Filter = append(q.Filter, f)
		}
	}
	page, err := p.Views.List(ctx, processes.ViewName, core.DefaultTenant, q)
	if errors.Is(err, core.ErrBadQuery) {
		return list, problem.BadRequest.Errorf("%v", err)
	}
	if err != nil {
		return list, err
	}
	for _, item := range page.Items {
		var d processes.Document
		if err := core.Unmarshal(item.Data, &d); err != nil {
			return list, err
		}
		list.Items = append(list.Items, d)
	}
	list.Next = page.Next
	return list, nil
}

// ProcessPath is the path of an instance.
type ProcessPath struct {
	Process string `path:"process" doc:"The name of the process."`
	ID      string `path:"id" doc:"The id of the instance."`
}

func (p *ProcessPath) stream() core.Stream {
	return core.Stream{Tenant: core.DefaultTenant, Category: core.ProcessCategoryPrefix + p.Process, ID: p.ID}
}

func (processAPI) show(ctx context.Context, p *Processes, in *ProcessPath) (ProcessDetails, error) {
	stream := in.stream()
	instance, err := p.Runner.Instance(ctx, stream)
	if err != nil {
		return ProcessDetails{}, err
	}
	history, err := newestEvents(ctx, p.Log, stream)
	if err != nil {
		return ProcessDetails{}, err
	}
	deadlines, err := pending(ctx, p.Deadlines, port.DeadlineQuery{Category: stream.Category, ID: stream.ID, Limit: maxLimit})
	return ProcessDetails{Process: in.Process, ID: stream.ID, Instance: instance, Deadlines: deadlines, History: history}, err
}

// newestEvents returns the last maxHistory events of a stream, oldest first.
func newestEvents(ctx context.Context, log port.Reader, stream core.Stream) ([]cloudevents.CloudEvent, error) {
	history := []cloudevents.CloudEvent{}
	for c, err := range port.Read(ctx, log, stream, 0) {
		if err != nil {
			return nil, err
		}
		for _, e := range cloudevents.EventsOf(&c) {
			e.Position = c.Position.String()
			history = append(history, e)
		}
		if extra := len(history) - maxHistory; extra > 0 {
			history = history[extra:]
		}
	}
	return history, nil
}

// processAction is a request that changes an instance.
type processAction struct {
	ProcessPath
	actionBody
}

func (processAPI) retry(ctx context.Context, p *Processes, in *processAction) (ProcessAnswer, error) {
	return actOnInstance(ctx, p, in, "retry", false, p.Runner.Retry)
}

func (processAPI) cancel(ctx context.Context, p *Processes, in *processAction) (ProcessAnswer, error) {
	return actOnInstance(ctx, p, in, "cancel", true, p.Runner.Cancel)
}

// deadlineAction is a request that changes a deadline of an instance.
type deadlineAction struct {
	ProcessPath
	actionBody
	Name string `path:"name" doc:"The name of the deadline, as its process has set it."`
}

func (processAPI) fire(ctx context.Context, p *Processes, in *deadlineAction) (ProcessAnswer, error) {
	return actOnInstance(ctx, p, &processAction{in.ProcessPath, in.actionBody}, "fire", false, func(ctx context.Context, instance core.Stream, _ string, by core.Action) error {
		return p.Runner.Fire(ctx, instance, in.Name, by)
	})
}

func actOnInstance(
	ctx context.Context, p *Processes, in *processAction, did string, needsReason bool,
	do func(ctx context.Context, instance core.Stream, id string, by core.Action) error,
) (ProcessAnswer, error) {
	action, err := in.action(did, needsReason)
	if err != nil {
		return ProcessAnswer{}, err
	}
	action.At = time.Now()
	stream := in.stream()
	err = do(ctx, stream, did+"-"+rand.Text(), action)
	var rejection *core.Rejection
	if errors.As(err, &rejection) && rejection.Code == "no-instance" {
		return ProcessAnswer{}, fmt.Errorf("%w: %s", core.ErrNotFound, rejection.Message)
	}
	if err != nil {
		return ProcessAnswer{}, err
	}
	instance, err := p.Runner.Instance(ctx, stream)
	return ProcessAnswer{Status: instance.Status, Error: instance.Error, Waiting: len(instance.Inbox)}, err
}

func (processAPI) partitions(_ context.Context, p *Processes, _ *struct{}) (ProcessPartitions, error) {
	return ProcessPartitions{Items: partitionStatuses(p.Runner.Status())}, nil
}
