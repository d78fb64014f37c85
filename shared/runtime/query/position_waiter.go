package query

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

const (
	pollInterval  = 3 * time.Millisecond // between two reads of the checkpoints while requests wait
	pollTimeout   = 2 * time.Second      // of one read
	freshnessTime = time.Second          // how long the known freshness of a view is returned again
)

// positionWaiter waits until views have reached positions. One goroutine reads the checkpoints for all requests that wait, so
// a thousand waiting requests cost the store as much as one. Without any, nothing is read.
type positionWaiter struct {
	views port.ViewReader
	ends  []*logEnd     // by partition
	work  chan struct{} // holds a token while requests may be waiting

	mu      sync.Mutex
	waiting map[string]map[*waiter]struct{} // by view
	known   map[string]knownFreshness       // by view
}

// waiter is one request that waits. Its fields reached, notBuilt and isPolled are guarded by the mutex of the positionWaiter.
type waiter struct {
	position core.Position
	reached  uint64
	notBuilt *port.NotBuiltError // of the last read of the checkpoints
	waiting  context.Context     // ends when the view has reached position, and with the request
	reach    context.CancelFunc  // of waiting
	polled   chan struct{}       // closed after the first read of the checkpoints that began while it waited
	isPolled bool
}

type knownFreshness struct {
	asOf   time.Time
	readAt time.Time
}

func newPositionWaiter(views port.ViewReader, ends []*logEnd) *positionWaiter {
	return &positionWaiter{
		views: views, ends: ends, work: make(chan struct{}, 1),
		waiting: map[string]map[*waiter]struct{}{}, known: map[string]knownFreshness{},
	}
}

// wait returns when the view has reached the position. After timeout, but not before the checkpoints were read once, it
// returns [*runtime.NotReachedError], or [*port.NotBuiltError]. It returns [*runtime.BeyondEndError] if the log ends before the
// position.
func (p *positionWaiter) wait(ctx context.Context, view string, position core.Position, timeout time.Duration) error {
	w := &waiter{position: position, polled: make(chan struct{})}
	w.waiting, w.reach = context.WithCancel(ctx)
	defer w.reach()
	p.addWaiter(view, w)
	defer p.removeWaiter(view, w)
	end, pollEnd, logEnd := time.NewTimer(timeout), time.NewTimer(max(timeout, pollTimeout)), time.NewTimer(endDelay)
	defer end.Stop()
	defer pollEnd.Stop()
	defer logEnd.Stop()
	var polled chan struct{}
	for {
		select {
		case <-w.waiting.Done():
			if ctx.Err() != nil {
				return fmt.Errorf("%w: waiting for view %s: %w", port.ErrUnavailable, view, ctx.Err())
			}
			return nil
		case <-logEnd.C:
			if err := p.checkEnd(w, timeout-endDelay); err != nil {
				return err
			}
		case <-end.C:
			polled = w.polled
		case <-polled:
			return p.checkReached(view, w)
		case <-pollEnd.C:
			return p.checkReached(view, w)
		}
	}
}

// checkEnd returns an error if the log ends before the position that w waits for. It returns nil after the rest of the wait.
func (p *positionWaiter) checkEnd(w *waiter, rest time.Duration) error {
	ctx, cancel := context.WithTimeout(w.waiting, rest)
	defer cancel()
	return p.ends[w.position.Partition].check(ctx, w.position)
}

// checkReached returns an error unless the view had reached the position when its checkpoints were read last.
func (p *positionWaiter) checkReached(view string, w *waiter) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.reached >= w.position.Sequence {
		return nil
	}
	if w.notBuilt != nil {
		return w.notBuilt
	}
	return &runtime.NotReachedError{View: view, Wanted: w.position, Reached: core.Position{Partition: w.position.Partition, Sequence: w.reached}}
}

func (p *positionWaiter) addWaiter(view string, w *waiter) {
	p.mu.Lock()
	if p.waiting[view] == nil {
		p.waiting[view] = map[*waiter]struct{}{}
	}
	p.waiting[view][w] = struct{}{}
	p.mu.Unlock()
	select {
	case p.work <- struct{}{}:
	default:
	}
}

func (p *positionWaiter) removeWaiter(view string, w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting[view], w)
	if len(p.waiting[view]) == 0 {
		delete(p.waiting, view)
	}
}

// pollWhileWaiting polls the checkpoints while requests wait, until ctx ends.
func (p *positionWaiter) pollWhileWaiting(ctx context.Context) error {
	for {
		select {
		case <-p.work:
			p.pollUntilIdle(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// pollUntilIdle polls the checkpoints until no request waits.
func (p *positionWaiter) pollUntilIdle(ctx context.Context) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		views := p.waitedFor()
		if len(views) == 0 {
			return
		}
		for _, view := range views {
			p.poll(ctx, view)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *positionWaiter) waitedFor() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	views := make([]string, 0, len(p.waiting))
	for view := range p.waiting {
		views = append(views, view)
	}
	return views
}

func (p *positionWaiter) waitersFor(view string) []*waiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.waiting[view]))
}

// poll reads the checkpoints of a view and wakes the requests whose position it has reached. If the read fails, they wait on.
func (p *positionWaiter) poll(ctx context.Context, view string) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	before := p.waitersFor(view)
	checkpoints, err := p.views.Checkpoints(ctx, view)
	p.mu.Lock()
	defer p.mu.Unlock()
	var notBuilt *port.NotBuiltError
	errors.As(err, &notBuilt)
	for _, w := range before {
		w.notBuilt = notBuilt
		if !w.isPolled {
			w.isPolled = true
			close(w.polled)
		}
	}
	if err != nil {
		return
	}
	for w := range p.waiting[view] {
		for _, c := range checkpoints {
			if c.Position.Partition != w.position.Partition {
				continue
			}
			w.reached = c.Position.Sequence
			if w.reached >= w.position.Sequence {
				w.reach()
				delete(p.waiting[view], w)
			}
		}
	}
}

// freshness returns the freshness of a view: that of its slowest partition. AsOf is zero if a partition has no checkpoint yet,
// and as long as the checkpoints can't be read.
func (p *positionWaiter) freshness(ctx context.Context, view string, partitions int) Freshness {
	now := time.Now()
	p.mu.Lock()
	known, ok := p.known[view]
	if ok && now.Sub(known.readAt) < freshnessTime {
		p.mu.Unlock()
		return Freshness{AsOf: known.asOf}
	}
	p.known[view] = knownFreshness{asOf: known.asOf, readAt: now} // concurrent requests do not read it too
	p.mu.Unlock()

	checkpoints, err := p.views.Checkpoints(ctx, view)
	if err != nil {
		return Freshness{AsOf: known.asOf}
	}
	asOf := oldest(checkpoints, partitions)
	p.mu.Lock()
	p.known[view] = knownFreshness{asOf: asOf, readAt: now}
	p.mu.Unlock()
	return Freshness{AsOf: asOf}
}

// oldest returns when the partition that lags most was caught up last.
func oldest(checkpoints []port.Checkpoint, partitions int) time.Time {
	if len(checkpoints) < partitions {
		return time.Time{}
	}
	asOf := checkpoints[0].CaughtUp
	for _, c := range checkpoints {
		if c.CaughtUp.Before(asOf) {
			asOf = c.CaughtUp
		}
	}
	return asOf
}
