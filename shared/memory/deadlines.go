package memory

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Deadlines keeps deadlines in memory.
type Deadlines struct {
	mu      sync.Mutex
	pending map[deadlineKey]port.Deadline
	fired   []*firedDeadline // in the order in which they fired
	changed chan struct{}    // closed and replaced by a change that may make a deadline due
}

type deadlineKey struct {
	of   core.Stream
	name string
}

// firedDeadline is a deadline whose time has come and that was not handled yet.
type firedDeadline struct {
	port.Deadline
	failures int       // failed attempts
	next     time.Time // of the next attempt
	inFlight bool      // a handler runs
}

var _ port.Deadlines = (*Deadlines)(nil)

// NewDeadlines returns a store without deadlines.
func NewDeadlines() *Deadlines {
	return &Deadlines{pending: map[deadlineKey]port.Deadline{}, changed: make(chan struct{})}
}

// wake makes every call of Due look for deadlines again. The caller holds the lock.
func (d *Deadlines) wake() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// SetDeadline implements [port.Deadlines].
func (d *Deadlines) SetDeadline(ctx context.Context, deadline port.Deadline) error {
	if err := checkCall(ctx, deadline.Check()); err != nil {
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
	if err := checkCall(ctx, port.CheckDeadlineName(of, name)); err != nil {
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
	if err := checkCall(ctx, nil); err != nil {
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

// fire moves the deadlines that are due from pending to fired. The caller holds the lock.
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

// Waiting returns the number of deadlines that have fired and are not handled yet.
func (d *Deadlines) Waiting() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fire()
	return len(d.fired)
}

// Due implements [port.Deadlines].
func (d *Deadlines) Due(ctx context.Context, s port.Subscription, handle func(context.Context, port.Deadline) error) error {
	s, err := s.WithDefaults()
	if err != nil {
		return err
	}
	var handlers sync.WaitGroup
	defer handlers.Wait()
	slots := make(chan struct{}, s.MaxInFlight)
	for ctx.Err() == nil {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		fired, changed, wait := d.nextFired()
		if fired != nil {
			handlers.Go(func() {
				defer func() { <-slots }()
				d.finish(fired, s.Retry, deliver(context.WithoutCancel(ctx), handle, fired.Deadline))
			})
			continue
		}
		<-slots
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

// deliver calls the handler and turns a panic into an error.
func deliver(ctx context.Context, handle func(context.Context, port.Deadline) error, deadline port.Deadline) error {
	return port.Deliver(ctx, func(ctx context.Context, _ port.Delivery) error { return handle(ctx, deadline) }, port.Delivery{})
}

const (
	maxLook = time.Hour // a change of the clock does not wake a timer
	never   = 100 * 365 * 24 * time.Hour
)

// nextFired marks the next deadline that can be handled as in flight and returns it. Where there is none, it returns a
// channel and a duration: look again when the channel is closed, at the latest after the duration.
func (d *Deadlines) nextFired() (*firedDeadline, <-chan struct{}, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fire()
	now := time.Now()
	soonest := now.Add(maxLook)
	if len(d.pending)+len(d.fired) == 0 {
		soonest = now.Add(never)
	}
	for _, deadline := range d.pending {
		soonest = earlier(soonest, deadline.At)
	}
	blocked := map[core.Stream]bool{} // instances whose first deadline is in flight or has to wait
	for _, fired := range d.fired {
		if blocked[fired.Of] {
			continue
		}
		if !fired.inFlight && !fired.next.After(now) {
			fired.inFlight = true
			return fired, nil, 0
		}
		blocked[fired.Of] = true
		if !fired.inFlight {
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

// finish removes a deadline after its handler has succeeded, and plans the next attempt after an error.
func (d *Deadlines) finish(fired *firedDeadline, retry core.RetryPolicy, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.wake()
	if err == nil {
		d.fired = slices.DeleteFunc(d.fired, func(other *firedDeadline) bool { return other == fired })
		return
	}
	fired.failures++
	pause, ok := port.RetryPause(err)
	if !ok {
		pause = retry.Pause(fired.failures)
	}
	fired.next, fired.inFlight = time.Now().Add(pause), false
}
