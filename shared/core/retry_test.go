package core_test

import (
	"math"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

func TestPausesGrowAsTheirPolicySays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy  core.RetryPolicy
		attempt int
		least   time.Duration
		most    time.Duration
	}{
		{core.RetryPolicy{Backoff: core.NoBackoff, First: time.Second}, 3, 0, 0},
		{core.RetryPolicy{Backoff: core.Fixed, First: time.Second}, 9, time.Second, time.Second},
		{core.RetryPolicy{Backoff: core.Fixed, First: 2 * time.Second, Max: time.Second}, 1, time.Second, time.Second},
		{core.RetryPolicy{Backoff: core.Linear, First: time.Second, Max: time.Minute}, 7, 7 * time.Second, 7 * time.Second},
		{core.RetryPolicy{Backoff: core.Linear, First: time.Second, Max: 5 * time.Second}, 1 << 62, 5 * time.Second, 5 * time.Second},
		{core.RetryPolicy{Backoff: core.Exponential, First: time.Second, Max: time.Hour}, 1, time.Second / 2, time.Second},
		{core.RetryPolicy{Backoff: core.Exponential, First: time.Second, Max: time.Hour}, 4, 4 * time.Second, 8 * time.Second},
		{core.RetryPolicy{Backoff: core.Exponential, First: time.Second, Max: 10 * time.Second}, 1 << 62, 5 * time.Second, 10 * time.Second},
		{core.RetryPolicy{}, 1, 50 * time.Millisecond, 100 * time.Millisecond},
		{core.RetryPolicy{}, 1000, 30 * time.Second, time.Minute},
		{core.RetryPolicy{First: time.Hour}, 1, 30 * time.Minute, time.Hour},
		{core.RetryPolicy{Backoff: core.Exponential, First: 1, Max: math.MaxInt64}, 1000, math.MaxInt64 / 2, math.MaxInt64},
		{core.RetryPolicy{Backoff: core.Linear, First: 1, Max: math.MaxInt64}, math.MaxInt, math.MaxInt64, math.MaxInt64},
	} {
		for range 100 {
			if got := c.policy.Pause(c.attempt); got < c.least || got > c.most {
				t.Fatalf("%+v after attempt %d: %s, not %s to %s", c.policy, c.attempt, got, c.least, c.most)
			}
		}
	}
}
