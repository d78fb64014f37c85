package adminapi

import (
	"context"
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/process"
	"github.com/orchestrix-go/orchestrix/shared/runtime/projection"
)

// Projections holds the backends of the routes of the projection service.
type Projections struct {
	Log       port.Log
	Views     port.ViewStore
	Projector *projection.Projector
	Parking   *projection.ParkedEvents
}

// Projections adds the routes of views, parked events and recorded actions.
func (a *API) Projections(registry *core.Registry) *Routes[Projections] {
	r := &Routes[Projections]{api: a, starting: "the projections have not started yet"}
	h := projectionAPI{registry: registry}
	get(r, "projections", "/projections", "List the builds of all views with position and lag", h.list)
	post(r, "projections", "/projections/{view}/rebuild", "Build a view again from the log, beside the build that readers see", h.rebuild)
	post(r, "projections", "/projections/{view}/cancel", "Cancel the build of a view that is being built", h.cancel)
	post(r, "projections", "/projections/{view}/pause", "Pause a view: it stays readable, without new events", h.pause)
	post(r, "projections", "/projections/{view}/resume", "Resume a paused view", h.resume)
	post(r, "projections", "/projections/{view}/drop-old", "Remove the builds of a view that no reader uses", h.dropOld)
	get(r, "projections", "/actions", "List the actions of operators, newest first", listActions)
	get(r, "parked", "/parked", "List events that a view could not apply", listParked)
	get(r, "parked", "/parked/{id}", "Show a parked event with its data from the log", showParked)
	post(r, "parked", "/parked/{id}/retry", "Apply a parked event again, and the events that wait behind it", retryParked)
	post(r, "parked", "/parked/{id}/skip", "Leave a parked event out of the view permanently, and apply the events that wait behind it", skipParked)
	post(r, "parked", "/parked/retry", "Retry all parked events of a failure group or a view", retryParkedGroup)
	return r
}

// BuildAnswer names the build that an action was about.
type BuildAnswer struct {
	View  string `json:"view"`
	Build string `json:"build"`
}

// PauseAnswer is the answer of a pause or a resume.
type PauseAnswer struct {
	Paused bool   `json:"paused"`
	View   string `json:"view"`
}

// DroppedAnswer names the builds that were removed.
type DroppedAnswer struct {
	Dropped []BuildAnswer `json:"dropped"`
}

// ActionList is the answer of GET /actions, newest first.
type ActionList struct {
	Items []ActionItem `json:"items"`
}

// ActionItem is an action of an operator.
type ActionItem struct {
	At     time.Time `json:"at"`
	Who    string    `json:"who"`
	Did    string    `json:"did"`
	View   string    `json:"view" doc:"Empty if the action was not about a view."`
	Object string    `json:"object" doc:"The build, event or dead letter that the action was about."`
	Reason string    `json:"reason,omitempty"`
}

// viewAction is a request that changes a view.
type viewAction struct {
	View string `path:"view" doc:"The name of the view."`
	actionBody
}

// actionPage are the parameters of a list of actions.
type actionPage struct {
	View  string     `query:"view" doc:"Only the actions on this view."`
	Limit limitParam `query:"limit" doc:"The maximum number of items."`
}

// projectionAPI holds the handlers of views.
type projectionAPI struct{ registry *core.Registry }

func (projectionAPI) list(_ context.Context, p *Projections, _ *struct{}) (ProjectionList, error) {
	return projectionList(p.Projector.Status()), nil
}

// view returns the view that a request names, and the action to record. The checkpoints of the process services are a view
// too.
func (h projectionAPI) view(in *viewAction, did string) (*core.ViewType, core.Action, error) {
	if in.View == runtime.ProcessCheckpointName {
		action, err := in.action(did, false)
		return process.CheckpointView(), action, err
	}
	view, ok := h.registry.View(in.View)
	if !ok {
		return nil, core.Action{}, fmt.Errorf("%w: no module has a view %.100q", core.ErrNotFound, in.View)
	}
	action, err := in.action(did, false)
	return view, action, err
}

func (h projectionAPI) rebuild(ctx context.Context, p *Projections, in *viewAction) (BuildAnswer, error) {
	view, action, err := h.view(in, "rebuild")
	if err != nil {
		return BuildAnswer{}, err
	}
	b, err := p.Views.Rebuild(ctx, view.ViewSpec, in.request.DropOld, action)
	return buildAnswer(b), err
}

func (h projectionAPI) cancel(ctx context.Context, p *Projections, in *viewAction) (BuildAnswer, error) {
	view, action, err := h.view(in, "cancel")
	if err != nil {
		return BuildAnswer{}, err
	}
	b, err := p.Views.Cancel(ctx, view.Name, action)
	return buildAnswer(b), err
}

func buildAnswer(b core.Build) BuildAnswer { return BuildAnswer{View: b.View, Build: b.Number()} }

func (h projectionAPI) pause(ctx context.Context, p *Projections, in *viewAction) (PauseAnswer, error) {
	return h.setPaused(ctx, p, in, true, "pause")
}

func (h projectionAPI) resume(ctx context.Context, p *Projections, in *viewAction) (PauseAnswer, error) {
	return h.setPaused(ctx, p, in, false, "resume")
}

func (h projectionAPI) setPaused(ctx context.Context, p *Projections, in *viewAction, paused bool, did string) (PauseAnswer, error) {
	view, action, err := h.view(in, did)
	if err != nil {
		return PauseAnswer{}, err
	}
	return PauseAnswer{View: view.Name, Paused: paused}, p.Views.Pause(ctx, view.Name, paused, action)
}

func (h projectionAPI) dropOld(ctx context.Context, p *Projections, in *viewAction) (DroppedAnswer, error) {
	answer := DroppedAnswer{Dropped: []BuildAnswer{}}
	view, action, err := h.view(in, "drop")
	if err != nil {
		return answer, err
	}
	dropped, err := p.Views.Drop(ctx, view.Name, time.Now().Add(time.Minute), action)
	for _, b := range dropped {
		answer.Dropped = append(answer.Dropped, buildAnswer(b))
	}
	return answer, err
}

func listActions(ctx context.Context, p *Projections, in *actionPage) (ActionList, error) {
	list := ActionList{Items: []ActionItem{}}
	limit, err := in.Limit.number()
	if err != nil {
		return list, err
	}
	actions, err := p.Views.Actions(ctx, in.View, limit)
	for _, action := range actions {
		list.Items = append(list.Items, ActionItem(action))
	}
	return list, err
}
