package loadgen

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestClosedLoopWaitsForEachResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := Run(t.Context(), Options{Concurrency: 4, Duration: time.Second}, func(context.Context, int, int64) error {
			time.Sleep(10 * time.Millisecond)
			return nil
		})
		if r.Done != 400 || r.Failed != 0 || r.Rate() != 400 {
			t.Errorf("%d done, %d failed, %v a second; want 400, 0 and 400", r.Done, r.Failed, r.Rate())
		}
		if got := r.Latency(50); got < 10*time.Millisecond || got > 10100*time.Microsecond {
			t.Errorf("the median is %v, want 10ms", got)
		}
	})
}

// One request that takes a second delays those that become due in that second. An open loop includes this delay in their
// latencies; a closed loop would only send fewer requests.
func TestOpenLoopMeasuresFromTheDueTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := Run(t.Context(), Options{Concurrency: 1, Rate: 100, Duration: 2 * time.Second}, func(_ context.Context, _ int, n int64) error {
			if n == 0 {
				time.Sleep(time.Second)
			}
			return nil
		})
		if r.Done != 200 {
			t.Errorf("%d done, want 200", r.Done)
		}
		if got := r.Latency(100); got < time.Second || got > 1010*time.Millisecond {
			t.Errorf("the longest is %v, want 1s", got)
		}
		if got := r.Latency(75); got < 490*time.Millisecond || got > 510*time.Millisecond {
			t.Errorf("the upper quartile is %v, want 500ms: half of the requests waited, evenly for up to 1s", got)
		}
	})
}

func TestCountEndsARun(t *testing.T) {
	t.Parallel()
	var seen [1000]atomic.Int64
	r := Run(t.Context(), Options{Concurrency: 7, Count: int64(len(seen))}, func(_ context.Context, worker int, n int64) error {
		if worker < 0 || worker >= 7 {
			t.Errorf("worker %d", worker)
		}
		seen[n].Add(1)
		if n%10 == 0 {
			return errors.New("refused")
		}
		return nil
	})
	if r.Done != 900 || r.Failed != 100 || r.Err == nil || r.Err.Error() != "refused" {
		t.Errorf("%d done, %d failed with %v; want 900, 100 and refused", r.Done, r.Failed, r.Err)
	}
	for n := range seen {
		if got := seen[n].Load(); got != 1 {
			t.Errorf("request %d was made %d times", n, got)
		}
	}
}

func TestTheEndOfTheContextIsNoFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := Run(ctx, Options{Concurrency: 2, Rate: 10}, func(ctx context.Context, _ int, n int64) error {
			if n >= 5 {
				<-ctx.Done()
			}
			return ctx.Err()
		})
		if r.Done != 5 || r.Failed != 0 {
			t.Errorf("%d done, %d failed; want 5 and 0", r.Done, r.Failed)
		}
	})
}
