package services

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"orchestrix/shared/es"
	"orchestrix/shared/runtime"
	"orchestrix/shared/service"
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
	for pattern, handle := range map[string]func(*http.Request, *projections) (any, error){
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
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			running := a.running.Load()
			if running == nil {
				service.WriteProblem(w, http.StatusServiceUnavailable, "starting", "the projections have not started yet")
				return
			}
			answer, err := handle(r, running)
			if err != nil {
				writeError(w, err)
				return
			}
			service.WriteJSON(w, http.StatusOK, answer)
		})
	}
}

// badRequest says what is wrong with an admin request.
type badRequest string

func (e badRequest) Error() string { return string(e) }

// problems are the errors that an operator can do something about.
var problems = []struct {
	err    error
	status int
	code   string
}{
	{es.ErrNotFound, http.StatusNotFound, "not-found"},
	{es.ErrBadToken, http.StatusUnprocessableEntity, "bad-token"}, // a message that the bus does not take again
	{es.ErrBuilding, http.StatusConflict, "being-built"},
	{es.ErrMoved, http.StatusConflict, "not-first"},
	{runtime.ErrOtherVersion, http.StatusConflict, "other-version"},
	{es.ErrConflict, http.StatusConflict, "conflict"},
	{runtime.ErrOverloaded, http.StatusServiceUnavailable, "overloaded"},
	{es.ErrUnavailable, http.StatusServiceUnavailable, "unavailable"},
}

func writeError(w http.ResponseWriter, err error) {
	var bad badRequest
	if errors.As(err, &bad) {
		service.WriteProblem(w, http.StatusBadRequest, "bad-request", err.Error())
		return
	}
	var rejection *es.Rejection
	if errors.As(err, &rejection) {
		service.WriteProblem(w, http.StatusConflict, rejection.Code, rejection.Message)
		return
	}
	for _, p := range problems {
		if errors.Is(err, p.err) {
			service.WriteProblem(w, p.status, p.code, strings.TrimPrefix(err.Error(), p.err.Error()+": "))
			return
		}
	}
	service.WriteProblem(w, http.StatusInternalServerError, "internal", err.Error())
}

// ActionRequest is the body of every admin request that changes something.
type ActionRequest struct {
	Who     string `json:"who"`
	Reason  string `json:"reason,omitempty"`
	DropOld bool   `json:"drop_old,omitempty"` // of rebuild
}

const maxActionText = 1000

func readAction(r *http.Request, did string, needsReason bool) (ActionRequest, es.Action, error) {
	var request ActionRequest
	decoder := json.NewDecoder(io.LimitReader(r.Body, 16<<10))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return request, es.Action{}, badRequest(`the body must be JSON such as {"who": "ada", "reason": "…"}: ` + err.Error())
	}
	switch {
	case request.Who == "":
		return request, es.Action{}, badRequest("who is empty: say who asks for it")
	case needsReason && request.Reason == "":
		return request, es.Action{}, badRequest("reason is empty: say why")
	case len(request.Who) > maxActionText || len(request.Reason) > maxActionText:
		return request, es.Action{}, badRequest("who and reason have at most " + strconv.Itoa(maxActionText) + " bytes")
	}
	return request, es.Action{Who: request.Who, Did: did, Reason: request.Reason}, nil
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

const maxListed = 1000

// limitParameter reads how many entries of a list are wanted, from 1 to maxListed; 100 where the query does not say.
func limitParameter(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return 100, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxListed {
		return 0, badRequest("limit is " + strconv.Quote(text) + ": it may be 1 to " + strconv.Itoa(maxListed))
	}
	return n, nil
}

// withTimeout bounds what an admin request may take.
func withTimeout(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), time.Minute)
}
