package projection

import (
	"cmp"
	"slices"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
)

// batchFold folds one batch of commits into a view.
type batchFold struct {
	view  *core.ViewType
	steps []Step
}

func newBatchFold(view *core.ViewType, commits []*follower.DecodedCommit) *batchFold {
	events := 0
	for _, c := range commits {
		events += max(1, len(c.Events))
	}
	b := &batchFold{view: view, steps: make([]Step, 0, events)}
	for _, c := range commits {
		b.steps = AppendSteps(b.steps, view, c)
	}
	return b
}

// commits yields the commits of which the view folds events.
func (b *batchFold) commits(yield func(*core.Commit) bool) {
	var last *core.Commit
	for i := range b.steps {
		if c := b.steps[i].commit; c != last {
			if last = c; !yield(c) {
				return
			}
		}
	}
}

// keys returns the documents that the batch has to read, each once, in order.
func (b *batchFold) keys() []port.DocumentKey {
	var keys []port.DocumentKey
	for i := range b.steps {
		if b.view.Begins(b.steps[i].commit) {
			continue // the document does not exist yet, and no other partition writes it
		}
		keys = append(keys, b.steps[i].Keys...)
	}
	slices.SortFunc(keys, port.DocumentKey.Compare)
	return slices.Compact(keys)
}

// lanes returns the lanes in which events of the batch may have to wait, each once, in order.
func (b *batchFold) lanes() []port.Lane {
	lanes := make([]port.Lane, 0, 2*len(b.steps))
	for i := range b.steps {
		lanes = append(lanes, b.steps[i].StreamLane())
		for _, key := range b.steps[i].Keys {
			lanes = append(lanes, port.DocumentLane(key))
		}
	}
	slices.SortFunc(lanes, compareLanes)
	return slices.Compact(lanes)
}

func compareLanes(a, b port.Lane) int {
	return cmp.Or(strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.Name, b.Name))
}

// fold implements [port.FoldFunc]. An event that can't be applied is parked. Later events of its lane wait behind it.
func (b *batchFold) fold(current port.FoldInput) (port.FoldResult, error) {
	f := foldRun{
		batchFold: b, current: current, waiting: map[port.Lane]bool{},
		documents: make(map[port.DocumentKey]*DocumentFold, len(b.steps)), order: make([]*DocumentFold, 0, len(b.steps)),
	}
	for lane := range current.Waiting {
		f.waiting[lane] = true
	}
	for i := range b.steps {
		f.applyStep(i)
	}
	return f.result(), nil
}

// parkAll returns a fold that parks all events, for the reason that the store rejects the batch.
func (b *batchFold) parkAll(reason error) port.FoldFunc {
	return func(current port.FoldInput) (port.FoldResult, error) {
		rejected := &batchFold{view: b.view, steps: slices.Clone(b.steps)}
		for i := range rejected.steps {
			rejected.steps[i].Err = reason
		}
		return rejected.fold(current)
	}
}

// foldRun is one run of a batch fold. The store may run a fold again if it retries the transaction.
type foldRun struct {
	*batchFold
	current   port.FoldInput
	waiting   map[port.Lane]bool
	documents map[port.DocumentKey]*DocumentFold
	order     []*DocumentFold
	parked    []parkedStep
}

type parkedStep struct {
	step int // index in the batch
	port.Parking
}

func (f *foldRun) applyStep(i int) {
	s := &f.steps[i]
	switch {
	case f.waits(s.StreamLane):
		f.park(i, s.StreamLane(), nil)
	case s.Err != nil:
		f.park(i, s.StreamLane(), s.Err)
	default:
		for _, key := range s.Keys {
			f.applyTo(i, key)
		}
	}
}

// waits reports whether events wait in the lane. The lane is computed only if events wait at all, which is rare.
func (f *foldRun) waits(lane func() port.Lane) bool { return len(f.waiting) > 0 && f.waiting[lane()] }

func (f *foldRun) applyTo(i int, key port.DocumentKey) {
	lane := func() port.Lane { return port.DocumentLane(key) }
	if f.waits(lane) {
		f.park(i, lane(), nil)
		return
	}
	d := f.documents[key]
	if d == nil {
		d = NewDocumentFold(f.view, key, f.current.Documents[key])
		if err := d.open(); err != nil {
			f.park(i, lane(), err)
			return
		}
		f.documents[key] = d
		f.order = append(f.order, d)
	}
	if err := d.apply(&f.steps[i]); err != nil {
		f.park(i, lane(), err)
	}
}

// park parks a step that failed with err, or that waits if err is nil.
func (f *foldRun) park(i int, lane port.Lane, err error) {
	s := &f.steps[i]
	f.parked = append(f.parked, parkedStep{step: i, Parking: s.parking(lane, newFailure(f.view, s, err))})
	f.waiting[lane] = true
}

// result returns the changed documents and the parked events. An event whose document can't be stored is parked.
func (f *foldRun) result() (r port.FoldResult) {
	r.Writes = make([]port.DocumentWrite, 0, len(f.order))
	for _, d := range f.order {
		for len(d.applied) > 0 {
			w, err := d.write()
			if err == nil {
				r.Writes = append(r.Writes, w)
				break
			}
			f.undoLast(d, err)
		}
	}
	slices.SortStableFunc(f.parked, func(a, b parkedStep) int { return cmp.Compare(a.step, b.step) })
	failed := map[port.Lane]bool{}
	for _, p := range f.parked {
		if failed[p.Lane] {
			p.Failure = nil // it now waits behind an event that was undone
		}
		failed[p.Lane] = failed[p.Lane] || p.Failure != nil
		r.Parked = append(r.Parked, p.Parking)
	}
	return r
}

// undoLast undoes and parks the last event of a document that can't be stored.
func (f *foldRun) undoLast(d *DocumentFold, err error) {
	s := d.undo()
	for i := range f.steps {
		if &f.steps[i] == s {
			f.park(i, port.DocumentLane(d.key), err)
		}
	}
}
