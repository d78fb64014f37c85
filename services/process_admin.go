package services

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"orchestrix/shared/es"
	"orchestrix/shared/runtime"
)

// processAdmin is how operators look at process instances and deal with those that are stuck, over HTTP on the admin port.
type processAdmin struct {
	registry *es.Registry
	running  atomic.Pointer[processes]
}

// processes are what there is to look at, once the service has started.
type processes struct {
	log       es.Log
	views     es.ViewStore
	deadlines es.Deadlines
	runner    *runtime.ProcessRunner
}

// ProcessPaths are the roots of the admin routes of the process service.
var ProcessPaths = []string{"/processes"}

// routes adds the admin routes.
func (a *processAdmin) routes(mux *http.ServeMux) {
	serveAdmin(mux, "the processes have not started yet", &a.running, map[string]adminHandler[processes]{
		"GET /processes":                        a.list,
		"GET /processes/{process}/{id}":         a.show,
		"POST /processes/{process}/{id}/retry":  a.retry,
		"POST /processes/{process}/{id}/cancel": a.cancel,
		"GET /processes/partitions":             a.partitions,
	})
}

// ProcessList is the answer of GET /processes: instances as the view "processes" has them, the last to change first.
type ProcessList struct {
	Items []es.ProcessDocument `json:"items"`
	Next  string               `json:"next_cursor,omitempty"` // what the next request gives as cursor
}

func (a *processAdmin) list(r *http.Request, p *processes) (any, error) {
	list := ProcessList{Items: []es.ProcessDocument{}}
	if len(a.registry.Processes()) == 0 {
		return list, nil
	}
	limit, err := limitParameter(r)
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	q := es.ListQuery{Sort: "updated", Desc: true, Limit: limit, Cursor: query.Get("cursor")}
	for _, field := range []string{"status", "process"} {
		if value := query.Get(field); value != "" {
			q.Filter = append(q.Filter, es.FieldValue{Field: field, Value: value})
		}
	}
	page, err := p.views.List(r.Context(), es.ProcessesView, es.DefaultTenant, q)
	if errors.Is(err, es.ErrBadQuery) {
		return nil, badRequest(err.Error())
	}
	if err != nil {
		return nil, err
	}
	for _, item := range page.Items {
		var d es.ProcessDocument
		if err := es.Unmarshal(item.Data, &d); err != nil {
			return nil, err
		}
		list.Items = append(list.Items, d)
	}
	list.Next = page.Next
	return list, nil
}

// ProcessDetails is one instance: the answer of GET /processes/{process}/{id}.
type ProcessDetails struct {
	Process   string             `json:"process"`
	ID        string             `json:"id"`
	Instance  es.ProcessInstance `json:"instance"`
	Deadlines []DeadlineItem     `json:"deadlines"` // that are set
	History   []es.CloudEvent    `json:"history"`   // the newest, in order
}

const maxShownHistory = 200

func (a *processAdmin) show(r *http.Request, p *processes) (any, error) {
	stream := instanceOf(r)
	ctx, cancel := withTimeout(r)
	defer cancel()
	instance, err := p.runner.Instance(ctx, stream)
	if err != nil {
		return nil, err
	}
	details := ProcessDetails{
		Process: r.PathValue("process"), ID: stream.ID, Instance: instance, Deadlines: []DeadlineItem{}, History: []es.CloudEvent{},
	}
	for c, err := range es.Read(ctx, p.log, stream, 0) {
		if err != nil {
			return nil, err
		}
		for _, e := range es.EventsOf(&c) {
			e.Position = c.Position.String()
			details.History = append(details.History, e)
		}
		if extra := len(details.History) - maxShownHistory; extra > 0 {
			details.History = details.History[extra:]
		}
	}
	pending, err := p.deadlines.PendingDeadlines(ctx, es.DeadlineQuery{Category: stream.Category, ID: stream.ID, Limit: maxListed})
	for _, d := range pending {
		details.Deadlines = append(details.Deadlines, DeadlineItem{Category: d.Of.Category, ID: d.Of.ID, Name: d.Name, At: d.At, Setting: d.ID})
	}
	return details, err
}

func instanceOf(r *http.Request) es.Stream {
	return es.Stream{Tenant: es.DefaultTenant, Category: es.ProcessCategory + r.PathValue("process"), ID: r.PathValue("id")}
}

// ProcessAnswer is how an instance stands after a retry or a cancel.
type ProcessAnswer struct {
	Status  es.ProcessStatus `json:"status"`
	Error   string           `json:"error,omitempty"` // why it is parked
	Waiting int              `json:"waiting"`         // what waits for it then
}

func (a *processAdmin) retry(r *http.Request, p *processes) (any, error) {
	return act(r, p, "retry", p.runner.Retry)
}

func (a *processAdmin) cancel(r *http.Request, p *processes) (any, error) {
	return act(r, p, "cancel", p.runner.Cancel)
}

func act(r *http.Request, p *processes, did string, do func(ctx context.Context, instance es.Stream, id string, by es.Action) error) (any, error) {
	_, by, err := readAction(r, did, did == "cancel")
	if err != nil {
		return nil, err
	}
	by.At = time.Now()
	ctx, cancel := withTimeout(r)
	defer cancel()
	stream := instanceOf(r)
	err = do(ctx, stream, did+"-"+rand.Text(), by)
	var rejection *es.Rejection
	if errors.As(err, &rejection) && rejection.Code == "no-instance" {
		return nil, fmt.Errorf("%w: %s", es.ErrNotFound, rejection.Message)
	}
	if err != nil {
		return nil, err
	}
	instance, err := p.runner.Instance(ctx, stream)
	return ProcessAnswer{Status: instance.Status, Error: instance.Error, Waiting: len(instance.Inbox)}, err
}

// ProcessPartitions is how the process services stand with the log: the answer of GET /processes/partitions.
type ProcessPartitions struct {
	Items []PartitionStatus `json:"items"`
}

func (a *processAdmin) partitions(_ *http.Request, p *processes) (any, error) {
	return ProcessPartitions{Items: partitionsOf(p.runner.Status())}, nil
}
