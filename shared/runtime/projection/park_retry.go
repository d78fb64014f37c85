package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
)

// ParkedEvents retries and skips events that views could not apply, for operators.
type ParkedEvents struct {
	registry *core.Registry
	feed     port.Feed
	views    Store
}

// NewParkedEvents returns the parked events of a registry's views.
func NewParkedEvents(registry *core.Registry, feed port.Feed, views Store) *ParkedEvents {
	return &ParkedEvents{registry: registry, feed: feed, views: views}
}

// RetryResult is the result of a retry.
type RetryResult struct {
	Applied int           // number of events that have left the lane
	Failed  *port.Failure // why the next event could not be applied; nil if the lane is empty
}

const (
	maxRetryBatch   = 100 // maximum number of events in one transaction
	maxMovedRetries = 10  // to read a lane that changes while it is read
)

// Retry applies a failed event again and, if that succeeds, the events that wait behind it. It returns [core.ErrNotFound],
// [port.ErrMoved] if other events wait before this one, [port.ErrOtherVersion] or [port.ErrUnavailable].
func (p *ParkedEvents) Retry(ctx context.Context, id int64, by core.Action) (RetryResult, error) {
	parked, err := p.views.ParkedEvent(ctx, id)
	if err != nil {
		return RetryResult{}, err
	}
	first, err := p.views.Waiting(ctx, parked.Build, parked.Lane, 1)
	if err != nil {
		return RetryResult{}, err
	}
	if len(first) == 0 || first[0].ID != id {
		return RetryResult{}, fmt.Errorf("%w: other events wait before event %d", port.ErrMoved, id)
	}
	by.Did = "retry"
	return p.retryLane(ctx, parked.Build, parked.Lane, &by)
}

// Skip removes a failed event permanently and applies the events that wait behind it. Its errors are those of
// [ParkedEvents.Retry].
func (p *ParkedEvents) Skip(ctx context.Context, id int64, by core.Action) (RetryResult, error) {
	parked, err := p.views.ParkedEvent(ctx, id)
	if err != nil {
		return RetryResult{}, err
	}
	by.Did = "skip"
	if err := p.views.Skip(ctx, id, by); err != nil {
		return RetryResult{}, err
	}
	return p.retryLane(ctx, parked.Build, parked.Lane, nil)
}

// retryLane applies the events of a lane in order, until it is empty or an event fails.
func (p *ParkedEvents) retryLane(ctx context.Context, b core.Build, lane port.Lane, by *core.Action) (r RetryResult, err error) {
	view, ok := p.registry.View(b.View)
	if !ok || view.Version != b.Version {
		return r, fmt.Errorf("%w: the event is parked in %s", port.ErrOtherVersion, b)
	}
	for attempts := 0; ; {
		waiting, err := p.views.Waiting(ctx, b, lane, maxRetryBatch)
		if err != nil || len(waiting) == 0 {
			return r, err
		}
		applied, failure, err := p.retryBatch(ctx, view, b, lane, waiting, by)
		if errors.Is(err, port.ErrMoved) && attempts < maxMovedRetries {
			attempts++
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

// retryBatch applies the first events of a lane in one transaction.
func (p *ParkedEvents) retryBatch(ctx context.Context, view *core.ViewType, b core.Build, lane port.Lane, waiting []port.Parked, by *core.Action) (applied int, failure *port.Failure, err error) {
	retry := port.LaneRetry{Lane: lane, By: by}
	var events [][]Step
	for _, w := range waiting {
		steps, err := p.steps(ctx, view, w)
		if err != nil {
			return 0, nil, err
		}
		events = append(events, steps)
		retry.IDs = append(retry.IDs, w.ID)
		for _, s := range steps {
			retry.Keys = append(retry.Keys, s.Keys...)
		}
	}
	slices.SortFunc(retry.Keys, port.DocumentKey.Compare)
	retry.Keys = slices.Compact(retry.Keys)
	err = p.views.RetryLane(ctx, follower.BuildSpec(view.ViewSpec, b), retry, func(current port.FoldInput) (port.FoldResult, int, *port.Failure, error) {
		f := laneFold{view: view, lane: lane, current: current, documents: map[port.DocumentKey]*DocumentFold{}}
		var result port.FoldResult
		result, applied, failure = f.applyAll(events)
		return result, applied, failure, nil
	})
	return applied, failure, err
}

// steps reads the event from the log again and returns what this program folds of it. In the lane of a document, these are
// the changes of that document only.
func (p *ParkedEvents) steps(ctx context.Context, view *core.ViewType, w port.Parked) ([]Step, error) {
	commit, err := port.CommitAt(ctx, p.feed, w.Position)
	if err != nil {
		return nil, fmt.Errorf("read parked event %d: %w", w.ID, err)
	}
	decoded := follower.DecodeCommit(p.registry, commit)
	steps := AppendSteps(nil, view, &decoded)
	if w.Event != wholeCommit {
		steps = slices.DeleteFunc(steps, func(s Step) bool { return s.index != w.Event && s.index != wholeCommit })
	}
	if key, ok := w.Lane.Document(); ok {
		for i := range steps {
			steps[i].Keys = slices.DeleteFunc(steps[i].Keys, func(k port.DocumentKey) bool { return k != key })
		}
	}
	return steps, nil
}

// laneFold folds the events of a lane.
type laneFold struct {
	view      *core.ViewType
	lane      port.Lane
	current   port.FoldInput
	documents map[port.DocumentKey]*DocumentFold
	parked    []port.Parking
}

// applyAll applies events until one fails.
func (f *laneFold) applyAll(events [][]Step) (result port.FoldResult, done int, failure *port.Failure) {
	for _, steps := range events {
		if failure = f.applyEvent(steps); failure != nil {
			break
		}
		done++
	}
	for _, d := range f.documents {
		if len(d.applied) > 0 {
			if w, err := d.write(); err == nil { // applyEvent has checked it
				result.Writes = append(result.Writes, w)
			}
		}
	}
	result.Parked = f.parked
	return result, done, failure
}

// applyEvent applies one event to all of its documents or to none.
func (f *laneFold) applyEvent(steps []Step) *port.Failure {
	var changed []*DocumentFold
	parkedBefore := len(f.parked)
	fail := func(s *Step, err error) *port.Failure {
		for _, d := range slices.Backward(changed) {
			d.undo()
		}
		f.parked = f.parked[:parkedBefore]
		return newFailure(f.view, s, err)
	}
	for i := range steps {
		s := &steps[i]
		if s.Err != nil {
			return fail(s, s.Err)
		}
		for _, key := range s.Keys {
			lane := port.DocumentLane(key)
			if lane != f.lane && f.current.Waiting[lane] {
				f.parked = append(f.parked, s.parking(lane, nil))
				continue
			}
			d, err := f.document(key)
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

func (f *laneFold) document(key port.DocumentKey) (*DocumentFold, error) {
	if d := f.documents[key]; d != nil {
		return d, nil
	}
	d := NewDocumentFold(f.view, key, f.current.Documents[key])
	if err := d.open(); err != nil {
		return nil, err
	}
	f.documents[key] = d
	return d, nil
}
