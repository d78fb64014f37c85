package services

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"orchestrix/shared/es"
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
	Lane        string          `json:"lane"` // "document/<key>" or "stream/<category>/<id>"
	Stream      string          `json:"stream"`
	Position    string          `json:"position"`
	Type        string          `json:"type"`
	Message     string          `json:"message,omitempty"`
	Causes      []string        `json:"causes,omitempty"`
	Group       string          `json:"group,omitempty"`
	Attempts    int             `json:"attempts"`
	ParkedAt    time.Time       `json:"parked_at"`
	AttemptedAt *time.Time      `json:"attempted_at,omitempty"`
	Behind      int             `json:"behind"`          // how many events wait behind it
	Event       json.RawMessage `json:"event,omitempty"` // a CloudEvent, as the log holds it
}

func parkedItem(p es.Parked) ParkedItem {
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

func (a *projectionAdmin) parked(r *http.Request, p *projections) (any, error) {
	limit, err := limitParameter(r)
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	q := es.ParkedQuery{View: query.Get("view"), Group: query.Get("group"), Limit: limit}
	if after := query.Get("after"); after != "" {
		if q.After, err = strconv.ParseInt(after, 10, 64); err != nil {
			return nil, badRequest("after is " + strconv.Quote(after) + ": it must be the id of an event")
		}
	}
	found, err := p.views.Parked(r.Context(), q)
	list := ParkedList{Items: []ParkedItem{}}
	for _, event := range found {
		list.Items = append(list.Items, parkedItem(event))
	}
	return list, err
}

func parkedID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, badRequest(strconv.Quote(r.PathValue("id")) + " is not the id of a parked event")
	}
	return id, nil
}

func (a *projectionAdmin) parkedEvent(r *http.Request, p *projections) (any, error) {
	id, err := parkedID(r)
	if err != nil {
		return nil, err
	}
	parked, err := p.views.ParkedEvent(r.Context(), id)
	if err != nil {
		return nil, err
	}
	item := parkedItem(parked)
	ctx, cancel := withTimeout(r)
	defer cancel()
	item.Event, err = recorded(ctx, p.log, parked)
	return item, err
}

// recorded is the event as the log holds it; nil where its entry can't be read.
func recorded(ctx context.Context, feed es.Feed, p es.Parked) (json.RawMessage, error) {
	commit, err := es.CommitAt(ctx, feed, p.Position)
	if err != nil {
		return nil, err
	}
	events := es.EventsOf(&commit)
	if commit.Err != nil || p.Event < 0 || p.Event >= len(events) {
		return nil, nil
	}
	return es.Marshal(events[p.Event])
}

// RetryAnswer is what came of a retry or a skip.
type RetryAnswer struct {
	Applied int    `json:"applied"`         // events that are in the view now
	Failed  int    `json:"failed"`          // lanes that an event still blocks
	Error   string `json:"error,omitempty"` // of the last of them
}

func (a *projectionAdmin) retry(r *http.Request, p *projections) (any, error) {
	id, err := parkedID(r)
	if err != nil {
		return nil, err
	}
	_, by, err := readAction(r, "retry", false)
	if err != nil {
		return nil, err
	}
	ctx, cancel := withTimeout(r)
	defer cancel()
	var answer RetryAnswer
	return &answer, answer.retry(ctx, p, id, by)
}

func (r *RetryAnswer) retry(ctx context.Context, p *projections, id int64, by es.Action) error {
	result, err := p.parking.Retry(ctx, id, by)
	if err != nil {
		return err
	}
	r.Applied += result.Applied
	if result.Failed != nil {
		r.Failed++
		r.Error = result.Failed.Message
	}
	return nil
}

func (a *projectionAdmin) skip(r *http.Request, p *projections) (any, error) {
	id, err := parkedID(r)
	if err != nil {
		return nil, err
	}
	_, by, err := readAction(r, "skip", true)
	if err != nil {
		return nil, err
	}
	ctx, cancel := withTimeout(r)
	defer cancel()
	result, err := p.parking.Skip(ctx, id, by)
	answer := RetryAnswer{Applied: result.Applied}
	if result.Failed != nil {
		answer.Failed, answer.Error = 1, result.Failed.Message
	}
	return answer, err
}

// retryGroup retries every failed event of a group, or of a view.
func (a *projectionAdmin) retryGroup(r *http.Request, p *projections) (any, error) {
	_, by, err := readAction(r, "retry", false)
	if err != nil {
		return nil, err
	}
	q := es.ParkedQuery{View: r.URL.Query().Get("view"), Group: r.URL.Query().Get("group"), Limit: maxListed}
	if q.View == "" && q.Group == "" {
		return nil, badRequest("name a group or a view in the query")
	}
	ctx, cancel := withTimeout(r)
	defer cancel()
	var answer RetryAnswer
	for {
		found, err := p.views.Parked(ctx, q)
		if err != nil || len(found) == 0 {
			return &answer, err
		}
		for _, parked := range found {
			err := answer.retry(ctx, p, parked.ID, by)
			if err != nil && !errors.Is(err, es.ErrNotFound) && !errors.Is(err, es.ErrMoved) { // somebody else was faster
				return nil, err
			}
			q.After = parked.ID
		}
	}
}
