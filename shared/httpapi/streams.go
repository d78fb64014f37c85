package httpapi

import (
	"context"
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/cloudevents"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/problem"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
)

// The parameters of streams, and their limits.
const (
	paramVersion = "version"
	paramAt      = "at"
	paramAfter   = "after"

	defaultHistoryLimit = 100
	maxHistoryLimit     = 1000
)

// StateAnswer is an aggregate at a moment.
type StateAnswer struct {
	Stream   string       `json:"stream" doc:"The stream's name." example:"order-10248"`
	Version  core.Version `json:"version" doc:"Of the stream at that moment." example:"2"`
	Position string       `json:"position" doc:"The position of the commit that led to this version." example:"3-1042"`
	State    any          `json:"state" doc:"The state that the events add up to."`
}

// HistoryAnswer is a part of a stream's history.
type HistoryAnswer struct {
	Items []cloudevents.CloudEvent `json:"items" doc:"The events, oldest first."`
	Next  string                   `json:"next_cursor,omitempty" doc:"The parameter after of the next request; absent at the end." example:"100"`
}

// state answers the current or a past state of an aggregate.
func (a *queryAPI) state(ctx context.Context, r readRequest) ([]byte, error) {
	stream, err := a.stream(r)
	if err != nil {
		return nil, err
	}
	moment, err := readMoment(r.values)
	if err != nil {
		return nil, err
	}
	state, err := a.router.State(ctx, stream, moment, r.wait)
	if err != nil {
		return nil, err
	}
	tag := quoted(state.Version.String())
	r.header.Set(headerETag, tag)
	r.header.Set(headerPosition, state.Position.String())
	if noneMatch(r.Header, tag) {
		return nil, errNotModified
	}
	return core.Marshal(StateAnswer{
		Stream: state.Stream.String(), Version: state.Version, Position: state.Position.String(), State: state.State,
	})
}

// history answers events of a stream.
func (a *queryAPI) history(ctx context.Context, r readRequest) ([]byte, error) {
	stream, err := a.stream(r)
	if err != nil {
		return nil, err
	}
	if err := only(r.values, paramAfter, paramLimit); err != nil {
		return nil, err
	}
	after, err := number(r.values, paramAfter, 0, 0, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	limit, err := number(r.values, paramLimit, defaultHistoryLimit, 1, maxHistoryLimit)
	if err != nil {
		return nil, err
	}
	events, more, err := a.router.History(ctx, stream, core.Version(after), int(limit), r.wait)
	if err != nil {
		return nil, err
	}
	answer := HistoryAnswer{Items: events}
	if events == nil {
		answer.Items = []cloudevents.CloudEvent{}
	}
	if more && len(events) > 0 {
		answer.Next = events[len(events)-1].StreamVersion.String()
	}
	return core.Marshal(answer)
}

// stream returns the stream that the path names.
func (a *queryAPI) stream(r readRequest) (core.Stream, error) {
	category := r.PathValue("category")
	if _, ok := a.registry.Aggregate(category); !ok {
		return core.Stream{}, noCategory(a.registry, category, true)
	}
	stream := core.Stream{Tenant: core.DefaultTenant, Category: category, ID: r.PathValue("id")}
	return stream, stream.Check()
}

// readMoment reads ?version= or ?at=.
func readMoment(values url.Values) (query.PointInTime, error) {
	if err := only(values, paramVersion, paramAt); err != nil {
		return query.PointInTime{}, err
	}
	switch {
	case values.Has(paramVersion) && values.Has(paramAt):
		return query.PointInTime{}, problem.BadQuery.Errorf("give either version or at")
	case values.Has(paramVersion):
		version, err := strconv.ParseUint(values.Get(paramVersion), 10, 64)
		if err != nil || version == 0 {
			return query.PointInTime{}, problem.BadQuery.Errorf("version must be a number from 1")
		}
		return query.PointInTime{Version: core.Version(version)}, nil
	case values.Has(paramAt):
		at, err := time.Parse(time.RFC3339, values.Get(paramAt))
		if err != nil || at.IsZero() {
			return query.PointInTime{}, problem.BadQuery.Errorf("at must be a time such as 2026-01-02T03:04:05Z; write the + of a zone as %%2B")
		}
		return query.PointInTime{Time: at}, nil
	}
	return query.PointInTime{}, nil
}
