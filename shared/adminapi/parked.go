package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/cloudevents"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/problem"
	"github.com/orchestrix-go/orchestrix/shared/runtime/projection"
)

// ParkedList is the answer of GET /parked.
type ParkedList struct {
	Items []ParkedItem `json:"items"`
}

// ParkedItem is an event that a view could not apply.
type ParkedItem struct {
	ID          int64           `json:"id"`
	View        string          `json:"view"`
	Build       string          `json:"build"`
	Lane        string          `json:"lane" doc:"What the event blocks: document/<key> or stream/<category>/<id>."`
	Stream      string          `json:"stream"`
	Position    string          `json:"position"`
	Type        string          `json:"type"`
	Message     string          `json:"message,omitempty" doc:"The error."`
	Causes      []string        `json:"causes,omitempty" doc:"The error and what it wraps, outermost first."`
	Group       string          `json:"group,omitempty" doc:"The failure group: one for each view, event type and cause."`
	Attempts    int             `json:"attempts"`
	ParkedAt    time.Time       `json:"parked_at"`
	AttemptedAt *time.Time      `json:"attempted_at,omitempty"`
	Behind      int             `json:"behind" doc:"The number of events that wait behind it in the lane."`
	Event       json.RawMessage `json:"event,omitempty" doc:"The event as a CloudEvent; not in lists."`
}

func parkedItem(p port.Parked) ParkedItem {
	item := ParkedItem{
		ID: p.ID, View: p.Build.View, Build: p.Build.Number(), Lane: p.Lane.Name, Stream: p.Stream.String(), Position: p.Position.String(),
		Type: p.Type, Attempts: p.Attempts, ParkedAt: p.At, Behind: p.Behind,
	}
	if f := p.Failure; f != nil {
		item.Message, item.Causes, item.Group = f.Message, f.Causes, f.Group
	}
	if !p.Attempted.IsZero() {
		item.AttemptedAt = &p.Attempted
	}
	return item
}

// RetryAnswer is the result of a retry or a skip.
type RetryAnswer struct {
	Applied int    `json:"applied" doc:"The number of events that were applied."`
	Failed  int    `json:"failed" doc:"The number of lanes that an event still blocks."`
	Error   string `json:"error,omitempty" doc:"The error of the last failed lane."`
}

func (r *RetryAnswer) addLane(result projection.RetryResult) {
	r.Applied += result.Applied
	if result.Failed != nil {
		r.Failed++
		r.Error = result.Failed.Message
	}
}

// ParkedFilter are the parameters that select parked events.
type ParkedFilter struct {
	View  string `query:"view" doc:"Only those of this view."`
	Group string `query:"group" doc:"Only those of this failure group."`
}

// parkedPage are the parameters of a list of parked events.
type parkedPage struct {
	ParkedFilter
	After numberParam `query:"after" doc:"Only those with a greater id."`
	Limit limitParam  `query:"limit" doc:"The maximum number of items."`
}

func listParked(ctx context.Context, p *Projections, in *parkedPage) (ParkedList, error) {
	list := ParkedList{Items: []ParkedItem{}}
	limit, err := in.Limit.number()
	if err != nil {
		return list, err
	}
	q := port.ParkedQuery{View: in.View, Group: in.Group, Limit: limit}
	if in.After != "" {
		if q.After, err = strconv.ParseInt(string(in.After), 10, 64); err != nil {
			return list, problem.BadRequest.Errorf("after is %q: it must be the id of an event", string(in.After))
		}
	}
	found, err := p.Views.Parked(ctx, q)
	for _, event := range found {
		list.Items = append(list.Items, parkedItem(event))
	}
	return list, err
}

// ParkedPath is the path of a parked event.
type ParkedPath struct {
	ID numberParam `path:"id" doc:"Of the parked event."`
}

func (p *ParkedPath) id() (int64, error) {
	id, err := strconv.ParseInt(string(p.ID), 10, 64)
	if err != nil {
		return 0, problem.BadRequest.Errorf("%q is not the id of a parked event", string(p.ID))
	}
	return id, nil
}

func showParked(ctx context.Context, p *Projections, in *ParkedPath) (ParkedItem, error) {
	id, err := in.id()
	if err != nil {
		return ParkedItem{}, err
	}
	parked, err := p.Views.ParkedEvent(ctx, id)
	if err != nil {
		return ParkedItem{}, err
	}
	item := parkedItem(parked)
	item.Event, err = loadEvent(ctx, p.Log, parked)
	return item, err
}

// loadEvent reads the event from the log. It returns nil if the commit can't be decoded.
func loadEvent(ctx context.Context, feed port.Feed, p port.Parked) (json.RawMessage, error) {
	commit, err := port.CommitAt(ctx, feed, p.Position)
	if err != nil {
		return nil, err
	}
	events := cloudevents.EventsOf(&commit)
	if commit.Err != nil || p.Event < 0 || p.Event >= len(events) {
		return nil, nil
	}
	return core.Marshal(events[p.Event])
}

// parkedAction is a request that changes one parked event.
type parkedAction struct {
	ParkedPath
	actionBody
}

func retryParked(ctx context.Context, p *Projections, in *parkedAction) (RetryAnswer, error) {
	return actOnParked(ctx, in, "retry", false, p.Parking.Retry)
}

func skipParked(ctx context.Context, p *Projections, in *parkedAction) (RetryAnswer, error) {
	return actOnParked(ctx, in, "skip", true, p.Parking.Skip)
}

func actOnParked(
	ctx context.Context, in *parkedAction, did string, needsReason bool, do func(context.Context, int64, core.Action) (projection.RetryResult, error),
) (answer RetryAnswer, err error) {
	id, err := in.id()
	if err != nil {
		return answer, err
	}
	action, err := in.action(did, needsReason)
	if err != nil {
		return answer, err
	}
	result, err := do(ctx, id, action)
	answer.addLane(result)
	return answer, err
}

// parkedGroupAction is a request that changes the parked events of a group or a view.
type parkedGroupAction struct {
	ParkedFilter
	actionBody
}

// retryParkedGroup retries every failed event of a group, or of a view.
func retryParkedGroup(ctx context.Context, p *Projections, in *parkedGroupAction) (answer RetryAnswer, err error) {
	action, err := in.action("retry", false)
	if err != nil {
		return answer, err
	}
	q := port.ParkedQuery{View: in.View, Group: in.Group, Limit: maxLimit}
	if q.View == "" && q.Group == "" {
		return answer, problem.BadRequest.Errorf("name a group or a view in the query")
	}
	for {
		found, err := p.Views.Parked(ctx, q)
		if err != nil || len(found) == 0 {
			return answer, err
		}
		for _, parked := range found {
			q.After = parked.ID
			result, err := p.Parking.Retry(ctx, parked.ID, action)
			if errors.Is(err, core.ErrNotFound) || errors.Is(err, port.ErrMoved) { // another operator was faster
				continue
			}
			if err != nil {
				return answer, err
			}
			answer.addLane(result)
		}
	}
}
