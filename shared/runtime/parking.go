package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"orchestrix/shared/es"
)

// Parking is where operators deal with events that views could not apply.
type Parking struct {
	registry *es.Registry
	feed     es.Feed
	views    ProjectionStore
}

// NewParking returns the parked events of a registry's views.
func NewParking(registry *es.Registry, feed es.Feed, views ProjectionStore) *Parking {
	return &Parking{registry: registry, feed: feed, views: views}
}

// Retried is what came of a retry.
type Retried struct {
	Applied int         // events that have left the lane
	Failed  *es.Failure // why the next one could not be applied; nil where none is left
}

const (
	drainBatch    = 100 // events in one transaction, at most
	drainAttempts = 10  // to read a lane that moves on
)

// Retry applies a failed event once more, and, where that works, everything that waits behind it. It returns
// [es.ErrNotFound], [es.ErrMoved] where others wait before the event, [es.ErrOtherVersion] or [es.ErrUnavailable].
func (p *Parking) Retry(ctx context.Context, id int64, by es.Action) (Retried, error) {
	parked, err := p.views.ParkedEvent(ctx, id)
	if err != nil {
		return Retried{}, err
	}
	first, err := p.views.Waiting(ctx, parked.Build, parked.Lane, 1)
	if err != nil {
		return Retried{}, err
	}
	if len(first) == 0 || first[0].ID != id {
		return Retried{}, fmt.Errorf("%w: others wait before the event %d", es.ErrMoved, id)
	}
	by.Did = "retry"
	return p.drain(ctx, parked.Build, parked.Lane, &by)
}

// Skip removes a failed event for good, and applies what waits behind it. Its errors are those of [Parking.Retry].
func (p *Parking) Skip(ctx context.Context, id int64, by es.Action) (Retried, error) {
	parked, err := p.views.ParkedEvent(ctx, id)
	if err != nil {
		return Retried{}, err
	}
	by.Did = "skip"
	if err := p.views.Skip(ctx, id, by); err != nil {
		return Retried{}, err
	}
	return p.drain(ctx, parked.Build, parked.Lane, nil)
}

// drain applies what waits in a lane, in order, until it is empty or an event fails.
func (p *Parking) drain(ctx context.Context, b es.Build, lane es.Lane, by *es.Action) (r Retried, err error) {
	view, ok := p.registry.View(b.View)
	if !ok || view.Version != b.Version {
		return r, fmt.Errorf("%w: the event waits for %s", es.ErrOtherVersion, b)
	}
	for moved := 0; ; {
		waiting, err := p.views.Waiting(ctx, b, lane, drainBatch)
		if err != nil || len(waiting) == 0 {
			return r, err
		}
		applied, failure, err := p.drainSome(ctx, view, b, lane, waiting, by)
		if errors.Is(err, es.ErrMoved) && moved < drainAttempts {
			moved++
			continue
		}
		if err != nil {
			return r, err
		}
		by = nil // it is recorded
		r.Applied += applied
		if failure != nil {
			r.Failed = failure
			return r, nil
		}
	}
}

func (p *Parking) drainSome(ctx context.Context, view *es.ViewType, b es.Build, lane es.Lane, waiting []es.Parked, by *es.Action) (applied int, failure *es.Failure, err error) {
	d := es.Drain{Lane: lane, By: by}
	var events [][]step
	for _, w := range waiting {
		steps, err := p.steps(ctx, view, w)
		if err != nil {
			return 0, nil, err
		}
		events = append(events, steps)
		d.IDs = append(d.IDs, w.ID)
		for _, s := range steps {
			d.Keys = append(d.Keys, s.keys...)
		}
	}
	slices.SortFunc(d.Keys, es.DocumentKey.Compare)
	d.Keys = slices.Compact(d.Keys)
	err = p.views.Drain(ctx, specOf(view, b), d, func(current es.Current) (es.Outcome, int, *es.Failure, error) {
		run := draining{view: view, lane: lane, current: current, documents: map[es.DocumentKey]*document{}}
		var outcome es.Outcome
		outcome, applied, failure = run.all(events)
		return outcome, applied, failure, nil
	})
	return applied, failure, err
}

// steps reads the event from the log again, and finds out what it does now. In the lane of a document, that is what it
// does to that document.
func (p *Parking) steps(ctx context.Context, view *es.ViewType, w es.Parked) ([]step, error) {
	commit, err := es.CommitAt(ctx, p.feed, w.Position)
	if err != nil {
		return nil, fmt.Errorf("read the event %d again: %w", w.ID, err)
	}
	e := newEntry(p.registry, commit)
	steps := e.appendSteps(nil, view)
	if w.Event != wholeCommit {
		steps = slices.DeleteFunc(steps, func(s step) bool { return s.index != w.Event && s.index != wholeCommit })
	}
	if key, ok := w.Lane.Document(); ok {
		for i := range steps {
			steps[i].keys = slices.DeleteFunc(steps[i].keys, func(k es.DocumentKey) bool { return k != key })
		}
	}
	return steps, nil
}

// draining is one run over the events of a lane.
type draining struct {
	view      *es.ViewType
	lane      es.Lane
	current   es.Current
	documents map[es.DocumentKey]*document
	parked    []es.Parking
}

// all applies events until one fails.
func (r *draining) all(events [][]step) (o es.Outcome, done int, failure *es.Failure) {
	for _, steps := range events {
		if failure = r.event(steps); failure != nil {
			break
		}
		done++
	}
	for _, d := range r.documents {
		if len(d.applied) > 0 {
			if w, err := d.write(); err == nil { // it was checked before
				o.Writes = append(o.Writes, w)
			}
		}
	}
	o.Parked = r.parked
	return o, done, failure
}

// event applies one event, whole or not at all.
func (r *draining) event(steps []step) *es.Failure {
	var changed []*document
	parkedBefore := len(r.parked)
	fail := func(s *step, err error) *es.Failure {
		for _, d := range slices.Backward(changed) {
			d.undo()
		}
		r.parked = r.parked[:parkedBefore]
		return newFailure(r.view, s, err)
	}
	for i := range steps {
		s := &steps[i]
		if s.err != nil {
			return fail(s, s.err)
		}
		for _, key := range s.keys {
			lane := es.DocumentLane(key)
			if lane != r.lane && r.current.Waiting[lane] {
				r.parked = append(r.parked, s.parking(lane, nil))
				continue
			}
			d, err := r.document(key)
			if err != nil {
				return fail(s, err)
			}
			if err := d.apply(s); err != nil {
				return fail(s, err)
			}
			changed = append(changed, d)
			if _, err := d.write(); err != nil {
				return fail(s, err)
			}
		}
	}
	return nil
}

func (r *draining) document(key es.DocumentKey) (*document, error) {
	if d := r.documents[key]; d != nil {
		return d, nil
	}
	d := newDocument(r.view, key, r.current.Documents[key])
	if err := d.open(); err != nil {
		return nil, err
	}
	r.documents[key] = d
	return d, nil
}
