package services

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"orchestrix/shared/es"
	"orchestrix/shared/runtime"
)

// projectionAdmin is how operators manage projections, over HTTP on the admin port.
type projectionAdmin struct {
	registry *es.Registry
	running  atomic.Pointer[projections]
}

// projections are what there is to manage, once the service has started.
type projections struct {
	log       es.Log
	views     es.ViewStore
	projector *runtime.Projector
	parking   *runtime.Parking
}

// ProjectionPaths are the roots of the admin routes of the projection service.
var ProjectionPaths = []string{"/projections", "/parked", "/actions"}

// routes adds the admin routes.
func (a *projectionAdmin) routes(mux *http.ServeMux) {
	serveAdmin(mux, "the projections have not started yet", &a.running, map[string]adminHandler[projections]{
		"GET /projections":                  a.list,
		"POST /projections/{view}/rebuild":  a.rebuild,
		"POST /projections/{view}/cancel":   a.cancel,
		"POST /projections/{view}/pause":    a.pause,
		"POST /projections/{view}/resume":   a.resume,
		"POST /projections/{view}/drop-old": a.dropOld,
		"GET /actions":                      a.actions,
		"GET /parked":                       a.parked,
		"GET /parked/{id}":                  a.parkedEvent,
		"POST /parked/{id}/retry":           a.retry,
		"POST /parked/{id}/skip":            a.skip,
		"POST /parked/retry":                a.retryGroup,
	})
}

func (a *projectionAdmin) list(_ *http.Request, p *projections) (any, error) {
	return listOf(p.projector.Status()), nil
}

// view finds the view that the path names; that of the process runners is one too.
func (a *projectionAdmin) view(r *http.Request) (*es.ViewType, error) {
	if r.PathValue("view") == runtime.ProcessFollower {
		return runtime.FollowerView(), nil
	}
	view, ok := a.registry.View(r.PathValue("view"))
	if !ok {
		return nil, fmt.Errorf("%w: no module has a view %.100q", es.ErrNotFound, r.PathValue("view"))
	}
	return view, nil
}

// BuildAnswer names the build that an action was about.
type BuildAnswer struct {
	View  string `json:"view"`
	Build string `json:"build"`
}

func (a *projectionAdmin) rebuild(r *http.Request, p *projections) (any, error) {
	view, err := a.view(r)
	if err != nil {
		return nil, err
	}
	request, by, err := readAction(r, "rebuild", false)
	if err != nil {
		return nil, err
	}
	b, err := p.views.Rebuild(r.Context(), view.ViewSpec, request.DropOld, by)
	return BuildAnswer{View: b.View, Build: b.Number()}, err
}

func (a *projectionAdmin) cancel(r *http.Request, p *projections) (any, error) {
	view, err := a.view(r)
	if err != nil {
		return nil, err
	}
	_, by, err := readAction(r, "cancel", false)
	if err != nil {
		return nil, err
	}
	b, err := p.views.Cancel(r.Context(), view.Name, by)
	return BuildAnswer{View: b.View, Build: b.Number()}, err
}

func (a *projectionAdmin) pause(r *http.Request, p *projections) (any, error) {
	return a.setPaused(r, p, true, "pause")
}

func (a *projectionAdmin) resume(r *http.Request, p *projections) (any, error) {
	return a.setPaused(r, p, false, "resume")
}

func (a *projectionAdmin) setPaused(r *http.Request, p *projections, paused bool, did string) (any, error) {
	view, err := a.view(r)
	if err != nil {
		return nil, err
	}
	_, by, err := readAction(r, did, false)
	if err != nil {
		return nil, err
	}
	return map[string]any{"view": view.Name, "paused": paused}, p.views.Pause(r.Context(), view.Name, paused, by)
}

// DroppedAnswer names the builds that are gone.
type DroppedAnswer struct {
	Dropped []BuildAnswer `json:"dropped"`
}

func (a *projectionAdmin) dropOld(r *http.Request, p *projections) (any, error) {
	view, err := a.view(r)
	if err != nil {
		return nil, err
	}
	_, by, err := readAction(r, "drop", false)
	if err != nil {
		return nil, err
	}
	dropped, err := p.views.Drop(r.Context(), view.Name, time.Now().Add(time.Minute), by)
	answer := DroppedAnswer{Dropped: []BuildAnswer{}}
	for _, b := range dropped {
		answer.Dropped = append(answer.Dropped, BuildAnswer{View: b.View, Build: b.Number()})
	}
	return answer, err
}

// ActionList is the answer of GET /actions, newest first.
type ActionList struct {
	Items []ActionItem `json:"items"`
}

// ActionItem is what somebody did.
type ActionItem struct {
	At     time.Time `json:"at"`
	Who    string    `json:"who"`
	Did    string    `json:"did"`
	View   string    `json:"view"`
	Object string    `json:"object"`
	Reason string    `json:"reason,omitempty"`
}

func (a *projectionAdmin) actions(r *http.Request, p *projections) (any, error) {
	limit, err := limitParameter(r)
	if err != nil {
		return nil, err
	}
	actions, err := p.views.Actions(r.Context(), r.URL.Query().Get("view"), limit)
	list := ActionList{Items: []ActionItem{}}
	for _, action := range actions {
		list.Items = append(list.Items, ActionItem(action))
	}
	return list, err
}
