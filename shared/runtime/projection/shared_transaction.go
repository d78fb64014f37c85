package projection

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

const (
	maxSharedCommits = 32                     // larger batches have a transaction of their own
	participantWait  = 10 * time.Millisecond  // for participants that have got a batch and have not submitted it yet
	slowFold         = 100 * time.Millisecond // a participant with a slower fold is solo for soloTime
	soloTime         = 10 * time.Second
)

// txBatcher combines the small updates of a worker's projections into one transaction: most of its cost is the same for one
// view and for ten, and documents that several partitions write are locked once. One transaction runs at a time. Updates that
// are submitted meanwhile are in the next.
type txBatcher struct {
	views port.ViewWriter

	mu       sync.Mutex
	expected int // participants that are about to submit an update
	queue    []*pendingUpdate
	running  bool
}

// participant is one projection's access to a txBatcher, which guards its fields.
type participant struct {
	batcher  *txBatcher
	expected bool      // it has got a batch and will submit its update
	solo     time.Time // until then, its updates have transactions of their own
}

// pendingUpdate waits for its transaction.
type pendingUpdate struct {
	port.ProjectionUpdate
	participant *participant
	traced      bool                  // its spans are recorded
	leaderTurn  chan []*pendingUpdate // receives the updates, its own among them, whose transaction it has to run
	done        chan txResult
}

type txResult struct {
	err  error
	solo bool              // nothing was written: the update needs a transaction of its own
	span trace.SpanContext // of the projection that ran the transaction
}

// ExpectBatch implements [follower.BatchListener]: the other participants wait for the update of this one, if it will be a small one.
func (p *participant) ExpectBatch(commits int) {
	if commits > maxSharedCommits {
		p.ExpectNoBatch()
		return
	}
	p.batcher.mu.Lock()
	defer p.batcher.mu.Unlock()
	p.batcher.expect(p)
}

func (t *txBatcher) expect(p *participant) {
	if !p.expected {
		p.expected = true
		t.expected++
	}
}

// ExpectNoBatch implements [follower.BatchListener]: the other participants do not wait for this one.
func (p *participant) ExpectNoBatch() {
	p.batcher.mu.Lock()
	defer p.batcher.mu.Unlock()
	p.batcher.dismiss(p)
	p.batcher.start()
}

func (t *txBatcher) dismiss(p *participant) {
	if p.expected {
		p.expected = false
		t.expected--
	}
}

// start makes the update that was submitted last run the transaction, unless one is running or updates are expected. An
// update whose spans are recorded is preferred: the others link to its span.
func (t *txBatcher) start() {
	if t.running || t.expected > 0 || len(t.queue) == 0 {
		return
	}
	t.running = true
	leader := t.queue[len(t.queue)-1]
	for _, u := range t.queue {
		if u.traced {
			leader = u
		}
	}
	leader.leaderTurn <- t.queue
	t.queue = nil
}

// apply applies an update in a transaction with those of other participants, or in one of its own if that fails.
func (p *participant) apply(ctx context.Context, a port.ProjectionUpdate) error {
	t := p.batcher
	u := &pendingUpdate{ProjectionUpdate: a, participant: p, traced: tracing.Recording(ctx), leaderTurn: make(chan []*pendingUpdate, 1), done: make(chan txResult, 1)}
	t.mu.Lock()
	t.dismiss(p)
	solo := time.Now().Before(p.solo)
	if !solo {
		t.queue = append(t.queue, u)
	}
	t.start()
	t.mu.Unlock()
	if solo {
		return t.applySolo(ctx, a)
	}
	timeout := time.NewTimer(participantWait)
	defer timeout.Stop()
	for {
		select {
		case updates := <-u.leaderTurn:
			t.runTransaction(ctx, updates)
		case <-timeout.C:
			t.mu.Lock()
			t.startWithoutExpected()
			t.mu.Unlock()
			timeout.Reset(participantWait)
		case r := <-u.done:
			if r.solo {
				return t.applySolo(ctx, a)
			}
			tracing.Link(ctx, r.span)
			return r.err
		}
	}
}

// applySolo applies an update in a transaction of its own.
func (t *txBatcher) applySolo(ctx context.Context, a port.ProjectionUpdate) error {
	return t.views.Apply(ctx, a.View, a.Update, a.Fold)
}

// startWithoutExpected starts the transaction without the participants that are expected.
func (t *txBatcher) startWithoutExpected() {
	expected := t.expected
	t.expected = 0
	t.start()
	t.expected = expected
}

// runTransaction applies the updates in one transaction. Their participants are expected in the next one: each has its next batch
// already, or withdraws as it waits for new commits.
func (t *txBatcher) runTransaction(ctx context.Context, updates []*pendingUpdate) {
	r := txResult{span: trace.SpanContextFromContext(ctx)}
	if len(updates) == 1 {
		r.err = t.applySolo(ctx, updates[0].ProjectionUpdate)
	} else {
		all := make([]port.ProjectionUpdate, len(updates))
		for i, u := range updates {
			all[i] = u.ProjectionUpdate
			all[i].Fold = u.timedFold()
		}
		r.solo = t.views.ApplyTogether(ctx, all) != nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = false
	for _, u := range updates {
		if r.err == nil && !r.solo {
			t.expect(u.participant)
		}
		u.done <- r
	}
	t.start()
}

// timedFold returns the fold of the update. One that is slow delays the other participants: its participant becomes solo.
func (u *pendingUpdate) timedFold() port.FoldFunc {
	return func(current port.FoldInput) (port.FoldResult, error) {
		started := time.Now()
		defer func() {
			if time.Since(started) > slowFold {
				u.participant.batcher.mu.Lock()
				defer u.participant.batcher.mu.Unlock()
				u.participant.solo = time.Now().Add(soloTime)
			}
		}()
		return u.Fold(current)
	}
}
