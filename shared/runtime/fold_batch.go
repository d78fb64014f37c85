package runtime

import (
	"cmp"
	"slices"
	"strings"

	"orchestrix/shared/es"
)

// batchFold is what one batch of commits does to a view.
type batchFold struct {
	view  *es.ViewType
	steps []step
}

func newBatchFold(view *es.ViewType, entries []*entry) *batchFold {
	events := 0
	for _, e := range entries {
		events += max(1, len(e.Events))
	}
	b := &batchFold{view: view, steps: make([]step, 0, events)}
	for _, e := range entries {
		b.steps = e.appendSteps(b.steps, view)
	}
	return b
}

// commits yields those that the view has to do with.
func (b *batchFold) commits(yield func(*es.Commit) bool) {
	var last *es.Commit
	for i := range b.steps {
		if c := b.steps[i].commit; c != last {
			if last = c; !yield(c) {
				return
			}
		}
	}
}

// keys are the documents that the batch finds, each once, in order.
func (b *batchFold) keys() []es.DocumentKey {
	var keys []es.DocumentKey
	for i := range b.steps {
		if b.view.Begins(b.steps[i].commit) {
			continue // there is nothing to read, and nobody else to lock it for
		}
		keys = append(keys, b.steps[i].keys...)
	}
	slices.SortFunc(keys, es.DocumentKey.Compare)
	return slices.Compact(keys)
}

// lanes are where events of the batch may have to wait, each once, in order.
func (b *batchFold) lanes() []es.Lane {
	lanes := make([]es.Lane, 0, 2*len(b.steps))
	for i := range b.steps {
		lanes = append(lanes, b.steps[i].streamLane())
		for _, key := range b.steps[i].keys {
			lanes = append(lanes, es.DocumentLane(key))
		}
	}
	slices.SortFunc(lanes, compareLanes)
	return slices.Compact(lanes)
}

func compareLanes(a, b es.Lane) int {
	return cmp.Or(strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.Name, b.Name))
}

// fold implements [es.FoldFunc]. What can't be applied is parked, and what comes after it in the same lane waits.
func (b *batchFold) fold(current es.Current) (es.Outcome, error) {
	f := folding{
		batchFold: b, current: current, waiting: map[es.Lane]bool{},
		documents: make(map[es.DocumentKey]*document, len(b.steps)), order: make([]*document, 0, len(b.steps)),
	}
	for lane := range current.Waiting {
		f.waiting[lane] = true
	}
	for i := range b.steps {
		f.step(i)
	}
	return f.outcome(), nil
}

// refuse is a fold that parks everything: the store refuses the batch for this reason.
func (b *batchFold) refuse(reason error) es.FoldFunc {
	return func(current es.Current) (es.Outcome, error) {
		refused := &batchFold{view: b.view, steps: slices.Clone(b.steps)}
		for i := range refused.steps {
			refused.steps[i].err = reason
		}
		return refused.fold(current)
	}
}

// folding is one run of a batch fold.
type folding struct {
	*batchFold
	current   es.Current
	waiting   map[es.Lane]bool
	documents map[es.DocumentKey]*document
	order     []*document
	parked    []parkedStep
}

type parkedStep struct {
	step int // its place in the batch
	es.Parking
}

func (f *folding) step(i int) {
	s := &f.steps[i]
	switch {
	case f.waits(s.streamLane):
		f.park(i, s.streamLane(), nil)
	case s.err != nil:
		f.park(i, s.streamLane(), s.err)
	default:
		for _, key := range s.keys {
			f.apply(i, key)
		}
	}
}

// waits reports whether events wait in the lane. Nearly always none do, and then it need not be known which one it is.
func (f *folding) waits(lane func() es.Lane) bool { return len(f.waiting) > 0 && f.waiting[lane()] }

func (f *folding) apply(i int, key es.DocumentKey) {
	lane := func() es.Lane { return es.DocumentLane(key) }
	if f.waits(lane) {
		f.park(i, lane(), nil)
		return
	}
	d := f.documents[key]
	if d == nil {
		d = newDocument(f.view, key, f.current.Documents[key])
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

// park parks a step that has failed with err, or that waits where err is nil.
func (f *folding) park(i int, lane es.Lane, err error) {
	s := &f.steps[i]
	f.parked = append(f.parked, parkedStep{step: i, Parking: s.parking(lane, newFailure(f.view, s, err))})
	f.waiting[lane] = true
}

func (f *folding) outcome() (o es.Outcome) {
	o.Writes = make([]es.DocumentWrite, 0, len(f.order))
	for _, d := range f.order {
		for len(d.applied) > 0 {
			w, err := d.write()
			if err == nil {
				o.Writes = append(o.Writes, w)
				break
			}
			f.takeBack(d, err)
		}
	}
	slices.SortStableFunc(f.parked, func(a, b parkedStep) int { return cmp.Compare(a.step, b.step) })
	failed := map[es.Lane]bool{}
	for _, p := range f.parked {
		if failed[p.Lane] {
			p.Failure = nil // it waits now behind one that was taken back
		}
		failed[p.Lane] = failed[p.Lane] || p.Failure != nil
		o.Parked = append(o.Parked, p.Parking)
	}
	return o
}

// takeBack parks the last event of a document that can't be stored.
func (f *folding) takeBack(d *document, err error) {
	s := d.undo()
	for i := range f.steps {
		if &f.steps[i] == s {
			f.park(i, es.DocumentLane(d.key), err)
		}
	}
}
