package runtime

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"orchestrix/shared/es"
)

const (
	progressInterval = 3 * time.Millisecond // between two looks at the checkpoints while somebody waits
	progressTimeout  = 2 * time.Second      // for one look
	freshnessAge     = time.Second          // how long what is known of a view's freshness is used again
)

// progress knows how far the views are. One goroutine looks for all who wait, so a thousand waiting requests
// cost the store what one does, and none costs it nothing.
type progress struct {
	views es.ViewReader
	work  chan struct{} // holds a token while somebody may be waiting

	mu      sync.Mutex
	waiting map[string]map[*waiter]struct{} // by view
	known   map[string]knownFreshness       // by view
}

type waiter struct {
	position es.Position
	reached  uint64 // guarded by progress.mu
	done     chan struct{}
	looked   chan struct{} // closed after the first look that began while it waited
	isLooked bool          // guarded by progress.mu
}

type knownFreshness struct {
	asOf time.Time
	read time.Time
}

func newProgress(views es.ViewReader) *progress {
	return &progress{
		views: views, work: make(chan struct{}, 1),
		waiting: map[string]map[*waiter]struct{}{}, known: map[string]knownFreshness{},
	}
}

// wait returns when the view has the position, or with [*NotReachedError] after timeout, though not before it was looked at.
func (p *progress) wait(ctx context.Context, view string, position es.Position, timeout time.Duration) error {
	w := &waiter{position: position, done: make(chan struct{}), looked: make(chan struct{})}
	p.join(view, w)
	defer p.leave(view, w)
	patience, look := time.NewTimer(timeout), time.NewTimer(max(timeout, progressTimeout))
	defer patience.Stop()
	defer look.Stop()
	var looked chan struct{}
	for {
		select {
		case <-w.done:
			return nil
		case <-patience.C:
			looked = w.looked
		case <-looked:
			return p.outcome(view, w)
		case <-look.C:
			return p.outcome(view, w)
		case <-ctx.Done():
			return fmt.Errorf("%w: waiting for view %s: %w", es.ErrUnavailable, view, ctx.Err())
		}
	}
}

// outcome is what the looks have shown.
func (p *progress) outcome(view string, w *waiter) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.reached >= w.position.Sequence {
		return nil
	}
	return &NotReachedError{View: view, Wanted: w.position, Reached: es.Position{Partition: w.position.Partition, Sequence: w.reached}}
}

func (p *progress) join(view string, w *waiter) {
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

func (p *progress) leave(view string, w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting[view], w)
	if len(p.waiting[view]) == 0 {
		delete(p.waiting, view)
	}
}

func (p *progress) run(ctx context.Context) error {
	for {
		select {
		case <-p.work:
			p.serve(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// serve looks at the checkpoints until nobody waits.
func (p *progress) serve(ctx context.Context) {
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	for {
		views := p.waitedFor()
		if len(views) == 0 {
			return
		}
		for _, view := range views {
			p.look(ctx, view)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *progress) waitedFor() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	views := make([]string, 0, len(p.waiting))
	for view := range p.waiting {
		views = append(views, view)
	}
	return views
}

func (p *progress) waitersFor(view string) []*waiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.waiting[view]))
}

// look wakes those whose position the view has. A look that fails wakes nobody: they time out.
func (p *progress) look(ctx context.Context, view string) {
	ctx, cancel := context.WithTimeout(ctx, progressTimeout)
	defer cancel()
	asked := p.waitersFor(view)
	checkpoints, err := p.views.Checkpoints(ctx, view)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range asked {
		if !w.isLooked {
			w.isLooked = true
			close(w.looked)
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
				close(w.done)
				delete(p.waiting[view], w)
			}
		}
	}
}

// freshness is how old the view may be: what its slowest partition knows. It is zero where a partition has
// no checkpoint yet, or where that can't be read.
func (p *progress) freshness(ctx context.Context, view string, partitions int) Freshness {
	now := time.Now()
	p.mu.Lock()
	known, ok := p.known[view]
	if ok && now.Sub(known.read) < freshnessAge {
		p.mu.Unlock()
		return Freshness{AsOf: known.asOf}
	}
	p.known[view] = knownFreshness{asOf: known.asOf, read: now} // others needn't look at the same time
	p.mu.Unlock()

	checkpoints, err := p.views.Checkpoints(ctx, view)
	if err != nil {
		return Freshness{AsOf: known.asOf}
	}
	asOf := oldest(checkpoints, partitions)
	p.mu.Lock()
	p.known[view] = knownFreshness{asOf: asOf, read: now}
	p.mu.Unlock()
	return Freshness{AsOf: asOf}
}

func oldest(checkpoints []es.Checkpoint, partitions int) time.Time {
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
