package follower

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/retry"
)

// partitionFollower follows one partition for one build, while it holds the lease.
type partitionFollower struct {
	follower *Follower
	consumer Consumer
	spec     core.ViewSpec // of the build
	reader   *sharedReader
	cancel   context.CancelFunc // ends run

	mu         sync.Mutex
	lease      *port.Lease             // nil if not held
	yield      context.CancelCauseFunc // makes followLog release the lease
	created    time.Time               // when the log's partition was created
	position   core.Position           // of the checkpoint
	head       core.Position           // end of the partition as last read
	headKnown  bool                    // the last read of the head succeeded
	caughtUpAt time.Time
	applied    time.Time // time of the commit at position
	state      State
	err        error
}

const (
	haltPause      = 5 * time.Second // between checks of the log while halted
	releaseTimeout = 3 * time.Second
)

// errYield: the lease is given up for another worker.
var errYield = errors.New("yielded to another worker")

// followPartition claims the partition and follows it, repeatedly, until ctx ends. It then releases the lease.
func (p *partitionFollower) followPartition(ctx context.Context) {
	defer p.releaseLease(ctx)
	for failures := 1; ctx.Err() == nil; failures++ {
		before := p.checkpointPosition()
		err := p.followLog(ctx)
		if ctx.Err() != nil {
			return
		}
		if p.checkpointPosition() != before {
			failures = 1
		}
		if !retry.Sleep(ctx, p.handleFailure(ctx, err, failures)) {
			return
		}
	}
}

// handleFailure sets the state that follows from err and returns the pause before the next attempt.
func (p *partitionFollower) handleFailure(ctx context.Context, err error, failures int) time.Duration {
	tick := p.follower.tick()
	var mismatch *LogMismatchError
	switch {
	case errors.Is(err, errBehind):
		return 0
	case errors.Is(err, errYield):
		p.releaseLease(ctx)
		p.setState(Elsewhere, nil)
		return tick // so that other workers claim first
	case errors.Is(err, port.ErrLeased), errors.Is(err, port.ErrFenced):
		p.forgetLease()
		p.setState(Elsewhere, nil)
		return tick/2 + rand.N(tick/2+1)
	case errors.As(err, &mismatch):
		p.releaseLease(ctx) // for a worker that is connected to the right log
		if p.setState(Halted, err) {
			p.logger().ErrorContext(ctx, "follower halted: the log is not the one of the checkpoint", "error", err)
		}
		return haltPause
	default:
		if p.setState(Retrying, err) {
			p.logger().WarnContext(ctx, "follower interrupted, it retries", "error", err)
		}
		return RetryPolicy.Pause(failures)
	}
}

func (p *partitionFollower) logger() *slog.Logger {
	return p.follower.config.Logger.With("view", p.spec.Name, "build", p.spec.Build().Number(), "partition", p.reader.partition)
}

func (p *partitionFollower) isHalted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state == Halted
}

// setState reports whether the state is another than before.
func (p *partitionFollower) setState(state State, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed := p.state != state
	p.state, p.err = state, err
	return changed
}

// followLog claims the partition and handles its commits until that fails or ctx ends.
func (p *partitionFollower) followLog(ctx context.Context) error {
	ctx, yield := context.WithCancelCause(ctx)
	defer yield(nil)
	claimed, err := p.claim(ctx, yield)
	if err != nil {
		return err
	}
	handler := p.consumer.Open(p.spec, p.reader.partition)
	commits := p.reader.subscribe(ctx, p.checkpointPosition().Sequence, listenerOf(handler))
	defer commits.close()
	for {
		batch, err := commits.next(ctx, p.checkpointPosition().Sequence)
		if err != nil {
			return err
		}
		batch.Claimed = claimed
		if err := p.checkNotRestoring(ctx); err != nil {
			return err
		}
		if err := handler.Handle(ctx, batch, p); err != nil {
			return err
		}
	}
}

// claim takes the lease, if the worker's quota allows one more, and checks that the log is the one of the checkpoint. It
// returns the end of the partition.
func (p *partitionFollower) claim(ctx context.Context, yield context.CancelCauseFunc) (claimed core.Position, err error) {
	if err := p.recheckLog(ctx); err != nil {
		return claimed, err
	}
	p.mu.Lock()
	held := p.lease != nil
	p.mu.Unlock()
	if !held && !p.follower.quota.acquire() {
		return claimed, port.ErrLeased
	}
	c, err := p.follower.store.Claim(ctx, p.spec, p.reader.partition, p.follower.config.Owner, p.follower.config.LeaseTTL)
	if err != nil {
		if !held {
			p.follower.quota.release()
		}
		return claimed, err
	}
	p.mu.Lock()
	p.lease, p.position, p.yield = &c.Lease, c.Position, yield
	p.mu.Unlock()
	head, err := checkLog(ctx, p.follower.feed, c)
	if err != nil {
		return claimed, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.created = head.Created
	if p.state == Elsewhere || p.state == Halted {
		p.state, p.err = Following, nil
	}
	return head.Position, nil
}

// recheckLog returns an error as long as a halted follower's log is not the one of the checkpoint. Without it, the follower
// would take the lease from a worker that is connected to the right log.
func (p *partitionFollower) recheckLog(ctx context.Context) error {
	if !p.isHalted() {
		return nil
	}
	c, ok := p.follower.checkpoint(p.spec.Build(), p.reader.partition)
	if !ok {
		return nil
	}
	_, err := checkLog(ctx, p.follower.feed, c)
	return err
}

// forgetLease drops a lease that another worker holds now.
func (p *partitionFollower) forgetLease() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lease != nil {
		p.lease, p.yield = nil, nil
		p.follower.quota.release()
	}
}

// releaseLease returns the lease to the store, so that other workers need not wait for its end.
func (p *partitionFollower) releaseLease(ctx context.Context) {
	lease, _, ok := p.heldLease()
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := p.follower.store.Release(ctx, []port.Lease{lease}); err != nil {
		p.follower.config.Logger.WarnContext(ctx, "lease not released: other workers wait until it expires", "view", p.spec.Name, "error", err)
	}
	p.forgetLease()
}

// yieldLease makes the follower release its lease after the transaction in progress.
func (p *partitionFollower) yieldLease() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.yield != nil {
		p.yield(errYield)
	}
}

// Commit implements [Checkpointer]. A transaction that has begun is completed: it is short, and the store bounds its time.
func (p *partitionFollower) Commit(ctx context.Context, b CommitBatch, transact func(context.Context, port.Update) error) error {
	u, err := p.update(b)
	if err != nil {
		return err
	}
	if err := transact(context.WithoutCancel(ctx), u); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.position, p.applied = u.To, b.last().Time
	p.state, p.err = Following, nil
	p.caughtUpAt = later(p.caughtUpAt, u.CaughtUp)
	return nil
}

func (p *partitionFollower) update(b CommitBatch) (port.Update, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lease == nil {
		return port.Update{}, port.ErrFenced
	}
	last := b.last()
	return port.Update{Lease: *p.lease, From: p.position, To: last.Position, Mark: markOf(p.created, last), CaughtUp: b.caughtUp()}, nil
}

func (p *partitionFollower) checkpointPosition() core.Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.position
}

// updateHead sets the end of the partition; nil is unknown.
func (p *partitionFollower) updateHead(head *port.Head) {
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

// heldLease returns the lease, and whether the checkpoint is at the last known end of the partition; false if the lease is
// not held.
func (p *partitionFollower) heldLease() (lease port.Lease, caughtUp, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lease == nil {
		return port.Lease{}, false, false
	}
	return *p.lease, p.headKnown && p.state == Following && p.position.Sequence >= p.head.Sequence, true
}
