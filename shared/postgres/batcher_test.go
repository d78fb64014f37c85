package postgres

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// batches records the batches that run. Each of them blocks until the test sends to end.
type batches struct {
	*batcher[int]
	end chan struct{}

	mu  sync.Mutex
	ran [][]int
}

func newBatches(maxInFlight, size int) *batches {
	return &batches{batcher: &batcher[int]{batches: maxInFlight, size: size}, end: make(chan struct{})}
}

func (b *batches) runBatch(batch []int) {
	b.mu.Lock()
	b.ran = append(b.ran, batch)
	b.mu.Unlock()
	<-b.end
}

type batchResult struct {
	inFlight bool
	err      error
}

// call returns when the call has started or is the last in the queue.
func (b *batches) call(ctx context.Context, t *testing.T, n, started, queued int) <-chan batchResult {
	t.Helper()
	result := make(chan batchResult, 1)
	go func() {
		inFlight, err := b.do(ctx, n, b.runBatch)
		result <- batchResult{inFlight, err}
	}()
	b.await(t, started, queued)
	return result
}

func (b *batches) await(t *testing.T, started, queued int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		b.mu.Lock()
		gotStarted := len(b.ran)
		b.mu.Unlock()
		b.batcher.mu.Lock()
		gotQueued := len(b.queue)
		b.batcher.mu.Unlock()
		if gotStarted == started && gotQueued == queued {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d batches and %d queued calls, want %d and %d", gotStarted, gotQueued, started, queued)
		}
	}
}

func TestQueuedCallsShareTheNextBatch(t *testing.T) {
	t.Parallel()
	b := newBatches(1, 3)
	results := []<-chan batchResult{b.call(t.Context(), t, 0, 1, 0)}
	for n := 1; n <= 4; n++ {
		results = append(results, b.call(t.Context(), t, n, 1, n))
	}
	b.end <- struct{}{}
	b.await(t, 2, 1)
	close(b.end)
	for n, result := range results {
		if got := <-result; got != (batchResult{}) {
			t.Errorf("call %d: %+v", n, got)
		}
	}
	if want := [][]int{{0}, {1, 2, 3}, {4}}; !slices.EqualFunc(b.ran, want, slices.Equal) {
		t.Errorf("batches %v, want %v", b.ran, want)
	}
	if b.inFlight != 0 {
		t.Errorf("%d batches are in flight at the end", b.inFlight)
	}
}

func TestACancelledCallKnowsWhetherItIsInFlight(t *testing.T) {
	t.Parallel()
	b := newBatches(1, 3)
	first := b.call(t.Context(), t, 0, 1, 0)
	second := b.call(t.Context(), t, 1, 1, 1)
	ctx, cancel := context.WithCancel(t.Context())
	queued := b.call(ctx, t, 2, 1, 2)
	cancel()
	if got := <-queued; got.inFlight || !errors.Is(got.err, context.Canceled) {
		t.Errorf("a queued call: %+v", got)
	}
	ctx, cancel = context.WithCancel(t.Context())
	running := b.call(ctx, t, 3, 1, 2)
	b.end <- struct{}{}
	b.await(t, 2, 0)
	cancel()
	if got := <-running; !got.inFlight || !errors.Is(got.err, context.Canceled) {
		t.Errorf("a call that another runs: %+v", got)
	}
	close(b.end)
	if one, two := <-first, <-second; one != (batchResult{}) || two != (batchResult{}) {
		t.Errorf("the others: %+v, %+v", one, two)
	}
}

// A call may be cancelled at the moment at which it becomes the leader: the next one leads then.
func TestACancelledLeaderPassesTheBatchOn(t *testing.T) {
	t.Parallel()
	b := newBatches(1, 3)
	b.inFlight = 1
	leader, next := b.enqueue(1), b.enqueue(2)
	b.startNext()
	if b.cancel(leader) {
		t.Error("a batch that has not begun is in flight")
	}
	select {
	case <-next.promoted:
	default:
		t.Error("no call leads")
	}
}
