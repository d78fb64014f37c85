package es

import (
	"math/rand/v2"
	"time"
)

// Pauses of a [RetryPolicy] that sets none.
const (
	defaultFirstPause = 100 * time.Millisecond
	defaultMaxPause   = time.Minute
)

// Pause is how long to wait after the failure of an attempt, which counts from 1, before the next. A policy that sets
// no backoff is exponential, from 100 ms up to a minute.
func (p RetryPolicy) Pause(attempt int) time.Duration {
	first, longest := p.First, p.Max
	if first <= 0 {
		first = defaultFirstPause
	}
	if longest <= 0 {
		longest = max(first, defaultMaxPause)
	}
	switch p.Backoff {
	case NoBackoff:
		return 0
	case Fixed:
		return min(first, longest)
	case Linear:
		if attempt > int(longest/first) { // the product could overflow
			return longest
		}
		return min(first*time.Duration(max(attempt, 1)), longest)
	default:
		pause := first
		for range min(attempt, 64) - 1 {
			if pause >= longest {
				break
			}
			pause *= 2
		}
		pause = min(pause, longest)
		return pause/2 + rand.N(pause/2+1) // half of it is jitter: those that failed together come back apart
	}
}
