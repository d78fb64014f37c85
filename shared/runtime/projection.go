package runtime

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"orchestrix/shared/es"
)

// projection keeps one view up to date with one partition.
type projection struct {
	projector *Projector
	registry  *es.Registry
	view      *es.ViewType
	partition int

	mu         sync.Mutex
	lease      *es.Lease // nil: it is not ours
	position   es.Position
	head       es.Position // of the partition, when somebody last looked
	headKnown  bool        // that look has worked
	caughtUpAt time.Time
	applied    time.Time // when the newest commit in the view was decided
	state      ProjectionState
	err        error
}

func newProjection(p *Projector, registry *es.Registry, view *es.ViewType, partition int) *projection {
	return &projection{
		projector: p, registry: registry, view: view, partition: partition,
		position: es.Position{Partition: partition}, state: Elsewhere,
	}
}

const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 5 * time.Second
	haltPause  = 5 * time.Second // before a commit that can't be applied is tried again
)

// run claims the partition and follows it, again and again, until ctx ends.
func (p *projection) run(ctx context.Context) {
	pause := firstRetry
	for ctx.Err() == nil {
		before := p.at()
		err := p.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if p.at() != before {
			pause = firstRetry
		}
		if !sleep(ctx, p.failed(ctx, err, pause)) {
			return
		}
		pause = min(2*pause, lastRetry)
	}
}

// failed notes why the projection stopped, and returns after which pause it goes on.
func (p *projection) failed(ctx context.Context, err error, pause time.Duration) time.Duration {
	ttl := p.projector.config.LeaseTTL
	logger := p.projector.config.Logger.With("view", p.view.Name, "version", p.view.Version, "partition", p.partition)
	var fold *FoldError
	switch {
	case errors.Is(err, es.ErrLeased), errors.Is(err, es.ErrFenced):
		p.enter(Elsewhere, nil, false)
		return ttl/4 + rand.N(ttl/8+1)
	case errors.As(err, &fold):
		if p.enter(Halted, err, true) {
			logger.ErrorContext(ctx, "projection halted: mend the view or the event's upcaster and start again", "error", err)
		}
		return haltPause
	default:
		if p.enter(Retrying, err, true) {
			logger.WarnContext(ctx, "projection interrupted", "error", err)
		}
		return pause/2 + rand.N(pause)
	}
}

// enter reports whether the state is new.
func (p *projection) enter(state ProjectionState, err error, keepLease bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed := p.state != state
	p.state, p.err = state, err
	if !keepLease {
		p.lease = nil
	}
	return changed
}

// follow claims the partition and applies its commits until that fails or ctx ends.
func (p *projection) follow(ctx context.Context) error {
	c, err := p.projector.views.Claim(ctx, p.view.ViewSpec, p.partition, p.projector.config.Owner, p.projector.config.LeaseTTL)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.lease, p.position = &c.Lease, c.Position
	if p.state == Elsewhere {
		p.state, p.err = Following, nil
	}
	p.mu.Unlock()
	return p.projector.feed.Follow(ctx, c.Position, p.projector.config.Batch, func(ctx context.Context, b es.Batch) error {
		return p.apply(ctx, c.Lease, b)
	})
}

// apply applies a batch as one transaction. Where a commit can't be applied, those before it are.
func (p *projection) apply(ctx context.Context, lease es.Lease, b es.Batch) error {
	err := p.applyAll(ctx, lease, b)
	var fold *FoldError
	if errors.As(err, &fold) && fold.index > 0 {
		before := es.Batch{Commits: b.Commits[:fold.index], Pending: b.Pending + uint64(len(b.Commits)-fold.index)}
		if earlier := p.apply(ctx, lease, before); earlier != nil {
			return earlier
		}
	}
	return err
}

func (p *projection) applyAll(ctx context.Context, lease es.Lease, b es.Batch) error {
	fold, err := newBatchFold(p.registry, p.view, b.Commits)
	if err != nil {
		return err
	}
	last := &b.Commits[len(b.Commits)-1]
	caughtUp := b.Pending == 0
	update := es.Update{Lease: lease, From: p.at(), To: last.Position, CaughtUp: caughtUp, Keys: fold.keys()}
	if err := p.projector.views.Apply(ctx, p.view.ViewSpec, update, fold.fold); err != nil {
		return err
	}
	p.moved(last, caughtUp)
	return nil
}

func (p *projection) moved(last *es.Commit, caughtUp bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.position, p.applied = last.Position, last.Time
	p.state, p.err = Following, nil
	if caughtUp {
		p.caughtUpAt = time.Now()
	}
}

func (p *projection) at() es.Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.position
}

// seen notes where the partition ends; nil is not known.
func (p *projection) seen(head *es.Head) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.headKnown = head != nil; !p.headKnown {
		return
	}
	if p.head = head.Position; p.position.Sequence >= p.head.Sequence {
		p.caughtUpAt = time.Now()
		if p.state == Retrying {
			p.state, p.err = Following, nil
		}
	}
}

// held returns the lease, and whether the view has all that its partition was last seen to hold.
func (p *projection) held() (lease es.Lease, caughtUp, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lease == nil {
		return es.Lease{}, false, false
	}
	return *p.lease, p.headKnown && p.position.Sequence >= p.head.Sequence, true
}

func (p *projection) status() ProjectionStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := ProjectionStatus{View: p.view.Name, Version: p.view.Version, Position: p.position, State: p.state, Err: p.err}
	if p.head.Sequence > p.position.Sequence {
		s.Lag = p.head.Sequence - p.position.Sequence
		since := p.applied
		if p.caughtUpAt.After(since) {
			since = p.caughtUpAt
		}
		if !since.IsZero() {
			s.LagTime = max(0, time.Since(since))
		}
	}
	return s
}
