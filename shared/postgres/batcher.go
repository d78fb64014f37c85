package postgres

import (
	"context"
	"slices"
	"sync"
)

// batcher brings concurrent calls together, since a round trip to Postgres costs nearly the same for one as for ten.
// A call that finds fewer than batches in flight starts immediately, in a batch of its own. A call that finds more is
// queued: when a batch ends, the first in the queue becomes the leader of the next, which takes all that are queued.
// No call waits for company.
type batcher[T any] struct {
	batches int // in flight, at most
	size    int // calls in a batch, at most

	mu       sync.Mutex
	inFlight int
	queue    []*queuedCall[T]
}

// queuedCall is a call that waits for a batch.
type queuedCall[T any] struct {
	call T
	lead chan struct{} // closed when this call has to run the next batch
	done chan struct{} // closed when another call has run it
}

// do returns when a batch with call has run. The goroutine of one of its calls runs it, with that call first; run leaves
// the results in the calls. Where ctx ends earlier, do returns its error, and whether a batch with call is in flight.
func (b *batcher[T]) do(ctx context.Context, call T, run func(batch []T)) (inFlight bool, err error) {
	if q := b.enqueue(call); q != nil {
		select {
		case <-q.done:
			return false, nil
		case <-q.lead:
		case <-ctx.Done():
			return b.cancel(q), ctx.Err()
		}
	}
	batch, others := b.take(call)
	run(batch)
	b.startNext()
	for _, q := range others {
		close(q.done)
	}
	return false, nil
}

// enqueue returns nil where the call can start now.
func (b *batcher[T]) enqueue(call T) *queuedCall[T] {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inFlight < b.batches {
		b.inFlight++
		return nil
	}
	q := &queuedCall[T]{call: call, lead: make(chan struct{}), done: make(chan struct{})}
	b.queue = append(b.queue, q)
	return q
}

// take returns a batch that the call leads, and those who wait for it.
func (b *batcher[T]) take(call T) (batch []T, others []*queuedCall[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.queue), b.size-1)
	others, batch = slices.Clone(b.queue[:n]), make([]T, 1, n+1)
	b.queue = slices.Delete(b.queue, 0, n)
	batch[0] = call
	for _, q := range others {
		batch = append(batch, q.call)
	}
	return batch, others
}

// startNext hands the place of a batch that has ended to the first call in the queue.
func (b *batcher[T]) startNext() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		b.inFlight--
		return
	}
	next := b.queue[0]
	b.queue = slices.Delete(b.queue, 0, 1)
	close(next.lead)
}

// cancel takes a call back whose context has ended, and reports whether a batch with it is in flight.
func (b *batcher[T]) cancel(q *queuedCall[T]) (inFlight bool) {
	b.mu.Lock()
	i := slices.Index(b.queue, q)
	if i >= 0 {
		b.queue = slices.Delete(b.queue, i, i+1)
	}
	b.mu.Unlock()
	if i >= 0 {
		return false
	}
	select {
	case <-q.lead: // it was to lead a batch that has not begun
		b.startNext()
		return false
	default:
		return true
	}
}
