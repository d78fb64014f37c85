package query

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/cloudevents"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
)

// Queries reads documents of views, states and histories of streams, and runs the queries of modules.
type Queries struct {
	registry *core.Registry
	log      LogReader
	views    port.ViewReader
	loader   *command.Loader
	waiter   *positionWaiter
	replays  chan struct{} // holds a token for each stream that is being read

	readiness readiness
}

// LogReader is the part of a log that queries use.
type LogReader interface {
	port.Reader
	Partitions() int
	Head(ctx context.Context, partition int) (port.Head, error)
}

// New returns queries over a log and its views. snapshots may be nil.
func New(registry *core.Registry, log LogReader, views port.ViewReader, snapshots port.Snapshots, logger *slog.Logger) *Queries {
	q := &Queries{
		registry: registry, log: log, views: views,
		loader: command.NewLoader(log, snapshots, logger, nil),
		waiter: newPositionWaiter(views, newLogEnds(log)), replays: make(chan struct{}, maxReplays),
	}
	for _, v := range registry.Views() {
		q.readiness.unbuilt = append(q.readiness.unbuilt, v.Name)
	}
	return q
}

// maxReplays is how many streams are read concurrently: the reader of a stream may hold some of its largest commits.
const maxReplays = 16

// replay waits until a stream may be read. The caller must call end.
func (q *Queries) replay(ctx context.Context) (end func(), err error) {
	select {
	case q.replays <- struct{}{}:
		return func() { <-q.replays }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: other streams are being read: %w", port.ErrUnavailable, ctx.Err())
	}
}

// Run reads the checkpoints of views for requests that wait for a position, until ctx ends. Without it, such requests time
// out.
func (q *Queries) Run(ctx context.Context) error { return q.waiter.pollWhileWaiting(ctx) }

// Wait asks for an answer that includes the commits at certain positions.
type Wait struct {
	For     []core.Position
	Timeout time.Duration // for all positions together; then [*runtime.NotReachedError]
	// Aside calls wait in a place for those that wait, and may end its context to make place for others; nil: wait is called.
	Aside func(ctx context.Context, wait func(context.Context) error) error
}

// Freshness says how old an answer from a view may be.
type Freshness struct {
	AsOf time.Time // the view includes all commits that were in the log at this time; zero if unknown
}

// Document returns one document of a view. It returns [core.ErrNotFound], [runtime.ErrUnknown] for the view,
// [*runtime.NotReachedError], [*runtime.BeyondEndError], [core.ErrBadPosition], [*port.NotBuiltError] or [port.ErrUnavailable].
func (q *Queries) Document(ctx context.Context, view, tenant, key string, w Wait) (core.Document, Freshness, error) {
	fresh, err := q.reach(ctx, view, w)
	if err != nil {
		return core.Document{}, Freshness{}, err
	}
	document, err := q.views.Get(ctx, view, tenant, key)
	return document, fresh, err
}

// List returns documents of a view. It returns the errors of [Queries.Document], and [core.ErrBadQuery].
func (q *Queries) List(ctx context.Context, view, tenant string, l core.ListQuery, w Wait) (core.Page, Freshness, error) {
	fresh, err := q.reach(ctx, view, w)
	if err != nil {
		return core.Page{}, Freshness{}, err
	}
	page, err := q.views.List(ctx, view, tenant, l)
	return page, fresh, err
}

// Query runs a module's query. It waits for a view when the query reads it. It returns [runtime.ErrUnknown] for the query,
// [core.ErrBadPayload] for its parameters, and the errors of the query.
func (q *Queries) Query(ctx context.Context, name, tenant string, params json.RawMessage, w Wait) (any, error) {
	for _, t := range q.registry.Queries() {
		if t.Name == name {
			return t.Run(ctx, &tenantViews{queries: q, tenant: tenant, wanted: w, end: time.Now().Add(w.Timeout)}, params)
		}
	}
	return nil, fmt.Errorf("%w: no query %q", runtime.ErrUnknown, name)
}

// reach waits until the view has reached every position of w.
func (q *Queries) reach(ctx context.Context, view string, w Wait) (Freshness, error) {
	if _, ok := q.registry.View(view); !ok {
		return Freshness{}, fmt.Errorf("%w: no view %q", runtime.ErrUnknown, view)
	}
	if err := q.checkPositions(w.For); err != nil {
		return Freshness{}, err
	}
	if len(w.For) > 0 {
		if err := w.wait(ctx, func(ctx context.Context) error { return q.await(ctx, view, w) }); err != nil {
			return Freshness{}, err
		}
	}
	return q.waiter.freshness(ctx, view, q.log.Partitions()), nil
}

func (w Wait) wait(ctx context.Context, wait func(context.Context) error) error {
	if w.Aside == nil {
		return wait(ctx)
	}
	return w.Aside(ctx, wait)
}

// await waits until the view has reached the positions.
func (q *Queries) await(ctx context.Context, view string, w Wait) error {
	end := time.Now().Add(w.Timeout)
	for _, position := range w.For {
		if err := q.waiter.wait(ctx, view, position, time.Until(end)); err != nil {
			return err
		}
	}
	return nil
}

func (q *Queries) checkPositions(positions []core.Position) error {
	for _, p := range positions {
		if p.Partition >= q.log.Partitions() {
			return fmt.Errorf("%w: %s, the log has partitions 0 to %d", core.ErrBadPosition, p, q.log.Partitions()-1)
		}
	}
	return nil
}

// tenantViews gives a query the views of its tenant.
type tenantViews struct {
	queries *Queries
	tenant  string
	wanted  Wait
	end     time.Time // of the wait
}

var _ core.Views = (*tenantViews)(nil)

// wait returns the rest of the wait.
func (v *tenantViews) wait() Wait {
	w := v.wanted
	w.Timeout = time.Until(v.end)
	return w
}

func (v *tenantViews) Get(ctx context.Context, view, key string) (core.Document, error) {
	d, _, err := v.queries.Document(ctx, view, v.tenant, key, v.wait())
	return d, err
}

func (v *tenantViews) List(ctx context.Context, view string, l core.ListQuery) (core.Page, error) {
	page, _, err := v.queries.List(ctx, view, v.tenant, l, v.wait())
	return page, err
}

// PointInTime is a point in the history of a stream. The zero PointInTime is now.
type PointInTime struct {
	Version core.Version // 0 is any
	Time    time.Time    // includes the events decided at or before it; zero is any
}

// includes reports whether the commit begins at or before this point. It removes the events that come after it.
func (at PointInTime) includes(c *core.Commit) bool {
	if !at.Time.IsZero() && c.Time.After(at.Time) || at.Version != 0 && c.First() > at.Version {
		return false
	}
	if at.Version != 0 && c.Version > at.Version {
		c.Events = c.Events[:at.Version-c.First()+1]
		c.Version = at.Version
	}
	return true
}

// State is the state of an aggregate at a [PointInTime].
type State struct {
	Stream   core.Stream
	Version  core.Version
	Position core.Position
	State    any
}

// State folds a stream up to a [PointInTime]. It returns [runtime.ErrUnknown] for the category, [port.ErrNoStream], [runtime.ErrFuture],
// [core.ErrBadPosition], [core.ErrCorrupt] or [port.ErrUnavailable].
func (q *Queries) State(ctx context.Context, s core.Stream, at PointInTime, w Wait) (State, error) {
	a, ok := q.registry.Aggregate(s.Category)
	if !ok {
		return State{}, fmt.Errorf("%w: no category %q", runtime.ErrUnknown, s.Category)
	}
	end, err := q.replay(ctx)
	if err != nil {
		return State{}, err
	}
	defer end()
	if at != (PointInTime{}) {
		return q.stateAt(ctx, a, s, at, w)
	}
	f, err := q.loader.Load(ctx, a, s, func() (core.Commit, error) { return q.last(ctx, s, w) })
	if err != nil {
		return State{}, err
	}
	if f.Revision.Version == 0 {
		return State{}, fmt.Errorf("%w: %s", port.ErrNoStream, s)
	}
	return State{Stream: s, Version: f.Revision.Version, Position: f.Revision.Position, State: f.Value}, nil
}

func (q *Queries) stateAt(ctx context.Context, a *core.Aggregate, s core.Stream, at PointInTime, w Wait) (State, error) {
	last, err := q.last(ctx, s, w)
	if err != nil {
		return State{}, err
	}
	state := State{Stream: s, State: a.Initial}
	for c, err := range q.log.Since(ctx, 0, last) {
		if err != nil {
			return State{}, err
		}
		if !at.includes(&c) {
			break
		}
		if state.State, err = command.Fold(a, state.State, &c); err != nil {
			return State{}, err
		}
		state.Version, state.Position = c.Version, c.Position
	}
	switch {
	case state.Version == 0:
		return State{}, fmt.Errorf("%w: %s had no event at %s", runtime.ErrFuture, s, at.Time.Format(time.RFC3339Nano))
	case state.Version < at.Version:
		return State{}, fmt.Errorf("%w: %s has %d versions", runtime.ErrFuture, s, state.Version)
	}
	return state, nil
}

// History returns up to limit events of a stream after a version, as the log stores them, and whether more follow. Large events
// are fewer: [core.MaxListBytes]. It returns
// [runtime.ErrUnknown] for the category, [port.ErrNoStream], [core.ErrBadPosition], [core.ErrCorrupt] or [port.ErrUnavailable].
func (q *Queries) History(ctx context.Context, s core.Stream, after core.Version, limit int, w Wait) ([]cloudevents.CloudEvent, bool, error) {
	if _, ok := q.registry.Aggregate(s.Category); !ok {
		return nil, false, fmt.Errorf("%w: no category %q", runtime.ErrUnknown, s.Category)
	}
	end, err := q.replay(ctx)
	if err != nil {
		return nil, false, err
	}
	defer end()
	last, err := q.last(ctx, s, w)
	if err != nil {
		return nil, false, err
	}
	events, size := []cloudevents.CloudEvent{}, 0
	if last.Version <= after {
		return events, false, nil
	}
	for c, err := range q.log.Since(ctx, after, last) {
		if err != nil {
			return nil, false, err
		}
		for _, e := range cloudevents.EventsOf(&c) {
			if e.StreamVersion <= after {
				continue
			}
			if size += len(e.Data); len(events) == limit || size > core.MaxListBytes && len(events) > 0 {
				return events, true, nil
			}
			e.Position = c.Position.String()
			events = append(events, e)
		}
	}
	return events, false, nil
}

// last returns the newest commit of the stream. If w has a position of the stream's partition, the leader of the log is read:
// it has every commit that has a position.
func (q *Queries) last(ctx context.Context, s core.Stream, w Wait) (core.Commit, error) {
	if err := q.checkPositions(w.For); err != nil {
		return core.Commit{}, err
	}
	partition := core.PartitionOf(s.Tenant, s.ID, q.log.Partitions())
	for _, p := range w.For {
		if p.Partition == partition {
			return q.log.LastConfirmed(ctx, s)
		}
	}
	return q.log.Last(ctx, s)
}
