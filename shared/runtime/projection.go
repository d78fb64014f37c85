package runtime

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"orchestrix/shared/es"
	"orchestrix/shared/retry"
)

// projection keeps one build of a view up to date with one partition.
type projection struct {
	projector *Projector
	view      *es.ViewType
	spec      es.ViewSpec // of the build
	reads     *reads
	cancel    context.CancelFunc // ends it for good

	mu         sync.Mutex
	lease      *es.Lease               // nil: it is not ours
	yield      context.CancelCauseFunc // gives the lease up
	created    time.Time               // when the log's partition was created
	claimed    es.Position             // where the partition ended when the lease was taken
	position   es.Position
	head       es.Position // of the partition, when somebody last looked
	headKnown  bool        // that look has worked
	caughtUpAt time.Time
	applied    time.Time // when the newest commit in the view was decided
	state      ProjectionState
	err        error
}

const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 5 * time.Second
	haltPause  = 5 * time.Second // before a halted projection looks again
)

// errYield says that the lease is given up for another worker.
var errYield = errors.New("left to another worker")

// run claims the partition and follows it, again and again, until ctx ends. It then gives the lease back.
func (p *projection) run(ctx context.Context) {
	defer p.release(ctx)
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
		if !retry.Sleep(ctx, p.failed(ctx, err, pause)) {
			return
		}
		pause = min(2*pause, lastRetry)
	}
}

// failed notes why the projection stopped, and returns after which pause it goes on.
func (p *projection) failed(ctx context.Context, err error, pause time.Duration) time.Duration {
	logger := p.projector.config.Logger.With("view", p.view.Name, "build", p.spec.Build().Number(), "partition", p.reads.partition)
	var mismatch *LogMismatchError
	switch {
	case errors.Is(err, errBehind):
		return 0
	case errors.Is(err, errYield):
		p.release(ctx)
		p.enter(Elsewhere, nil)
		return p.projector.tick() // others come first
	case errors.Is(err, es.ErrLeased), errors.Is(err, es.ErrFenced):
		p.drop()
		p.enter(Elsewhere, nil)
		return p.projector.tick()/2 + rand.N(p.projector.tick()/2+1)
	case errors.As(err, &mismatch):
		p.release(ctx) // a worker that is connected to the right log can go on
		if p.enter(Halted, err) {
			logger.ErrorContext(ctx, "projection halted", "error", err)
		}
		return haltPause
	default:
		if p.enter(Retrying, err) {
			logger.WarnContext(ctx, "projection interrupted", "error", err)
		}
		return pause/2 + rand.N(pause)
	}
}

func (p *projection) halted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state == Halted
}

// enter reports whether the state is new.
func (p *projection) enter(state ProjectionState, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed := p.state != state
	p.state, p.err = state, err
	return changed
}

// follow claims the partition and applies its commits until that fails or ctx ends.
func (p *projection) follow(ctx context.Context) error {
	ctx, yield := context.WithCancelCause(ctx)
	defer yield(nil)
	if err := p.claim(ctx, yield); err != nil {
		return err
	}
	reading := p.reads.join(ctx, p.at().Sequence)
	defer reading.leave()
	for {
		part, err := reading.next(ctx, p.at().Sequence)
		if err != nil {
			return err
		}
		if p.projector.handle != nil {
			err = p.handle(ctx, part)
		} else {
			// A transaction that has begun comes to its end: it is short, and bounded by the store.
			err = p.apply(context.WithoutCancel(ctx), part, p.applier(reading, part))
		}
		if err != nil {
			return err
		}
	}
}

// claim takes the lease, where this worker may have one more, and makes sure that the log is the one that the view was
// built from.
func (p *projection) claim(ctx context.Context, yield context.CancelCauseFunc) error {
	if err := p.checkBefore(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	held := p.lease != nil
	p.mu.Unlock()
	if !held && !p.projector.share.take() {
		return es.ErrLeased
	}
	c, err := p.projector.views.Claim(ctx, p.spec, p.reads.partition, p.projector.config.Owner, p.projector.config.LeaseTTL)
	if err != nil {
		if !held {
			p.projector.share.giveBack()
		}
		return err
	}
	p.mu.Lock()
	p.lease, p.position, p.yield = &c.Lease, c.Position, yield
	p.mu.Unlock()
	head, err := checkLog(ctx, p.projector.feed, c)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.created, p.claimed = head.Created, head.Position
	if p.state == Elsewhere || p.state == Halted {
		p.state, p.err = Following, nil
	}
	return nil
}

// checkBefore keeps a halted projection from taking the lease again while the log is still another one: a worker that is
// connected to the right log has it meanwhile.
func (p *projection) checkBefore(ctx context.Context) error {
	if !p.halted() {
		return nil
	}
	c, ok := p.projector.checkpoint(p.spec.Build(), p.reads.partition)
	if !ok {
		return nil
	}
	_, err := checkLog(ctx, p.projector.feed, c)
	return err
}

// drop forgets the lease: it is another's.
func (p *projection) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lease != nil {
		p.lease, p.yield = nil, nil
		p.projector.share.giveBack()
	}
}

const releaseTimeout = 3 * time.Second

// release gives the lease back, so that nobody has to wait for its end.
func (p *projection) release(ctx context.Context) {
	lease, _, ok := p.held()
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := p.projector.views.Release(ctx, []es.Lease{lease}); err != nil {
		p.projector.config.Logger.WarnContext(ctx, "a lease is not released: others wait until it ends", "view", p.view.Name, "error", err)
	}
	p.drop()
}

// giveUp makes the projection leave its lease to another worker, after the transaction in hand.
func (p *projection) giveUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.yield != nil {
		p.yield(errYield)
	}
}

// handle does what is to be done about what was read, and moves the checkpoint.
func (p *projection) handle(ctx context.Context, b part) error {
	p.mu.Lock()
	claimed := p.claimed
	p.mu.Unlock()
	if err := p.projector.handle(ctx, b, claimed); err != nil {
		return err
	}
	nothing := &batchFold{view: p.view}
	return p.transact(context.WithoutCancel(ctx), b, nothing, nothing.fold, p.alone)
}

// applier is how what was read is applied.
type applier func(context.Context, es.Application) error

func (p *projection) applier(reading *reader, b part) applier {
	if len(b.entries) <= togetherMost {
		return reading.apply
	}
	return p.alone
}

func (p *projection) alone(ctx context.Context, a es.Application) error {
	return p.projector.views.Apply(ctx, a.View, a.Update, a.Fold)
}

// apply applies what was read as one transaction. Where the store refuses it for what it holds, it is applied commit
// by commit, and what is refused then is parked.
func (p *projection) apply(ctx context.Context, b part, by applier) error {
	fold := newBatchFold(p.view, b.entries)
	err := p.transact(ctx, b, fold, fold.fold, by)
	if err == nil || !refused(err) {
		return err
	}
	if len(b.entries) == 1 {
		return p.transact(ctx, b, fold, fold.refuse(err), p.alone)
	}
	for i := range b.entries {
		one := part{entries: b.entries[i : i+1], pending: b.pending + uint64(len(b.entries)-i-1), read: b.read}
		if err := p.apply(ctx, one, p.alone); err != nil {
			return err
		}
	}
	return nil
}

// refused reports whether the same transaction would fail again for what it holds.
func refused(err error) bool {
	return !errors.Is(err, es.ErrUnavailable) && !errors.Is(err, es.ErrFenced) && !errors.Is(err, context.Canceled)
}

func (p *projection) transact(ctx context.Context, b part, fold *batchFold, apply es.FoldFunc, by applier) error {
	last := b.entries[len(b.entries)-1]
	var caughtUp time.Time
	if b.pending == 0 {
		caughtUp = b.read
	}
	p.mu.Lock()
	if p.lease == nil {
		p.mu.Unlock()
		return es.ErrFenced
	}
	update := es.Update{
		Lease: *p.lease, From: p.position, To: last.Position, Mark: markOf(p.created, &last.Commit), CaughtUp: caughtUp,
		Keys: fold.keys(), Lanes: fold.lanes,
	}
	p.mu.Unlock()
	if err := p.observed(ctx, b, fold, func(ctx context.Context) error {
		return by(ctx, es.Application{View: p.spec, Update: update, Fold: apply})
	}); err != nil {
		return err
	}
	p.moved(&last.Commit, caughtUp)
	return nil
}

func (p *projection) moved(last *es.Commit, caughtUp time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.position, p.applied = last.Position, last.Time
	p.state, p.err = Following, nil
	p.caughtUpAt = later(p.caughtUpAt, caughtUp)
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
	return *p.lease, p.headKnown && p.state == Following && p.position.Sequence >= p.head.Sequence, true
}
