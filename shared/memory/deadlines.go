package memory

import (
	"context"
	"slices"
	"sync"
	"time"

	"orchestrix/shared/core"
	"orchestrix/shared/port"
)

// Deadlines keeps deadlines in memory.
type Deadlines struct {
	mu      sync.Mutex
	pending map[deadlineKey]port.Deadline
	fired   []*firedDeadline // in the order in which they fired
	changed chan struct{}    // closed when there may be something else to do
}

type deadlineKey struct {
	of   core.Stream
	name string
}

// firedDeadline waits to be handled.
type firedDeadline struct {
	port.Deadline
	attempts int       // that failed
	next     time.Time // not before
	taken    bool      // a handler has it
}

var _ port.Deadlines = (*Deadlines)(nil)

// NewDeadlines returns a keeper without deadlines.
func NewDeadlines() *Deadlines {
	return &Deadlines{pending: map[deadlineKey]port.Deadline{}, changed: make(chan struct{})}
}

// wake lets every Due look again. The caller holds the lock.
func (d *Deadlines) wake() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// SetDeadline implements [port.Deadlines].
func (d *Deadlines) SetDeadline(ctx context.Context, deadline port.Deadline) error {
	if err := check(ctx, deadline.Check()); err != nil {
		return err
	}
	deadline.At = deadline.At.UTC()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fire()
	d.pending[deadlineKey{deadline.Of, deadline.Name}] = deadline
	d.wake()
	return nil
}

// CancelDeadline implements [port.Deadlines].
func (d *Deadlines) CancelDeadline(ctx context.Context, of core.Stream, name string) error {
	if err := check(ctx, port.CheckDeadlineName(of, name)); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fire()
	delete(d.pending, deadlineKey{of, name})
	return nil
}

// PendingDeadlines implements [port.Deadlines].
func (d *Deadlines) PendingDeadlines(ctx context.Context, q port.DeadlineQuery) ([]port.Deadline, error) {
	if err := check(ctx, nil); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fire()
	var found []port.Deadline
	for _, deadline := range d.pending {
		if q.Matches(deadline) {
			found = append(found, deadline)
		}
	}
	slices.SortFunc(found, port.CompareDeadlines)
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found, nil
}

// fire moves what is due to those that wait to be handled. The caller holds the lock.
func (d *Deadlines) fire() {
	now := time.Now()
	var due []port.Deadline
	for key, deadline := range d.pending {
		if !deadline.At.After(now) {
			due = append(due, deadline)
			delete(d.pending, key)
		}
	}
	slices.SortFunc(due, port.CompareDeadlines)
	for _, deadline := range due {
		d.fired = append(d.fired, &firedDeadline{Deadline: deadline})
	}
}

// Due implements [port.Deadlines].
func (d *Deadlines) Due(ctx context.Context, s port.Subscription, handle func(context.Context, port.Deadline) error) error {
	s, err := s.WithDefaults()
	if err != nil {
		return err
	}
	var handlers sync.WaitGroup
	defer handlers.Wait()
	places := make(chan struct{}, s.MaxInFlight)
	for ctx.Err() == nil {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		fired, changed, wait := d.take()
		if fired != nil {
			handlers.Go(func() {
				defer func() { <-places }()
				d.settle(fired, s.Retry, deliver(context.WithoutCancel(ctx), handle, fired.Deadline))
			})
			continue
		}
		<-places
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// deliver makes an error of a handler's panic.
func deliver(ctx context.Context, handle func(context.Context, port.Deadline) error, deadline port.Deadline) error {
	return port.Deliver(ctx, func(ctx context.Context, _ port.Delivery) error { return handle(ctx, deadline) }, port.Delivery{})
}

// take returns the next deadline to handle; or, where there is none, when to look again: at a change, and after a time.
func (d *Deadlines) take() (*firedDeadline, <-chan struct{}, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fire()
	now := time.Now()
	soonest := now.Add(time.Hour)
	for _, deadline := range d.pending {
		soonest = earlier(soonest, deadline.At)
	}
	seen := map[core.Stream]bool{} // instances whose next deadline is not to be handled now
	for _, fired := range d.fired {
		if seen[fired.Of] {
			continue
		}
		if !fired.taken && !fired.next.After(now) {
			fired.taken = true
			return fired, nil, 0
		}
		seen[fired.Of] = true
		if !fired.taken {
			soonest = earlier(soonest, fired.next)
		}
	}
	return nil, d.changed, time.Until(soonest)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// settle takes the outcome of a handler.
func (d *Deadlines) settle(fired *firedDeadline, retry core.RetryPolicy, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.wake()
	if err == nil {
		d.fired = slices.DeleteFunc(d.fired, func(other *firedDeadline) bool { return other == fired })
		return
	}
	fired.attempts++
	pause, ok := port.RetryPause(err)
	if !ok {
		pause = retry.Pause(fired.attempts)
	}
	fired.next, fired.taken = time.Now().Add(pause), false
}
