package postgres

import (
	"context"
	"slices"
	"sync"
)

// batcher combines concurrent calls into batches, since a round trip to Postgres costs nearly the same for one as for ten.
// While fewer than the maximum of batches are in flight, a call starts immediately, in a batch of its own. Otherwise it is
// queued: when a batch ends, the first call of the queue becomes the leader of the next batch, which takes the whole queue.
// No call waits for others to arrive.
type batcher[T any] struct {
	batches int // in flight, at most
	size    int // calls in a batch, at most

	mu       sync.Mutex
	inFlight int
	queue    []*queuedCall[T]
}

// queuedCall is a call that waits for a batch.
type queuedCall[T any] struct {
	call     T
	promoted chan struct{} // closed when this call has become the leader of the next batch
	done     chan struct{} // closed when another call has run the batch with this one
}

// do returns when a batch with call has run. The leader of the batch calls runBatch, with its own call first; runBatch
// leaves the results in the calls. If ctx ends earlier, do returns its error, and whether a batch with call is in flight.
func (b *batcher[T]) do(ctx context.Context, call T, runBatch func(batch []T)) (inFlight bool, err error) {
	if q := b.enqueue(call); q != nil {
		select {
		case <-q.done:
			return false, nil
		case <-q.promoted:
		case <-ctx.Done():
			return b.cancel(q), ctx.Err()
		}
	}
	batch, others := b.dequeueBatch(call)
	runBatch(batch)
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
	q := &queuedCall[T]{call: call, promoted: make(chan struct{}), done: make(chan struct{})}
	b.queue = append(b.queue, q)
	return q
}

// dequeueBatch returns the batch of a leader, its own call first, and the queued calls in it.
func (b *batcher[T]) dequeueBatch(call T) (batch []T, others []*queuedCall[T]) {
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

// startNext makes the first call of the queue the leader of the next batch, after a batch has ended.
func (b *batcher[T]) startNext() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		b.inFlight--
		return
	}
	next := b.queue[0]
	b.queue = slices.Delete(b.queue, 0, 1)
	close(next.promoted)
}

// cancel removes a call whose context has ended from the queue, and reports whether a batch with it is in flight.
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
	case <-q.promoted: // its batch has not begun: the next call leads instead
		b.startNext()
		return false
	default:
		return true
	}
}
