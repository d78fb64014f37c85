package core

import (
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/retry"
)

// RetryPolicy configures the pauses between attempts and their number. Zero values are the defaults.
type RetryPolicy struct {
	Backoff Backoff       // Exponential where it is empty
	First   time.Duration // the pause after the first failure; 100 ms where it is 0
	Max     time.Duration // the longest pause; a minute where it is 0
	Limit   int           // attempts in all; 0 is no limit
}

// Backoff is the growth of the pause between attempts.
type Backoff string

// The kinds of backoff.
const (
	Exponential Backoff = "exponential" // it doubles, and half of it is random
	Linear      Backoff = "linear"      // it grows by First each time
	Fixed       Backoff = "fixed"       // it stays First
	NoBackoff   Backoff = "none"        // no pause
)

const (
	defaultFirstPause = 100 * time.Millisecond
	defaultMaxPause   = time.Minute
)

// WithDefaults returns the policy with its zero values replaced by the defaults.
func (p RetryPolicy) WithDefaults() RetryPolicy {
	if p.Backoff == "" {
		p.Backoff = Exponential
	}
	if p.First == 0 {
		p.First = defaultFirstPause
	}
	if p.Max == 0 {
		p.Max = max(defaultMaxPause, p.First)
	}
	return p
}

// Check returns an error for an unknown backoff, a negative value, or a first pause above the longest. The policy must have
// its defaults, see [RetryPolicy.WithDefaults].
func (p RetryPolicy) Check() error {
	switch p.Backoff {
	case Exponential, Linear, Fixed, NoBackoff:
	default:
		return fmt.Errorf("backoff %q is none of exponential, linear, fixed and none", p.Backoff)
	}
	if p.First < 0 || p.Max < p.First || p.Limit < 0 {
		return fmt.Errorf("retry policy: first pause %s, longest %s, limit %d: the first must be at most the longest, and none negative", p.First, p.Max, p.Limit)
	}
	return nil
}

// Pause returns the pause after a failed attempt, counted from 1. Half of an exponential pause is random, so that attempts
// that failed together are not repeated together.
func (p RetryPolicy) Pause(attempt int) time.Duration {
	p, attempt = p.WithDefaults(), max(attempt, 1)
	switch p.Backoff {
	case NoBackoff:
		return 0
	case Fixed:
		return min(p.First, p.Max)
	case Linear:
		if p.First > 0 && int64(attempt) > int64(p.Max/p.First) { // the product could overflow
			return p.Max
		}
		return p.First * time.Duration(attempt)
	}
	return p.exponential().Pause(attempt)
}

// SteadyPause is Pause without its random part, for decisions, which have to be repeatable.
func (p RetryPolicy) SteadyPause(attempt int) time.Duration {
	p, attempt = p.WithDefaults(), max(attempt, 1)
	if p.Backoff != Exponential {
		return p.Pause(attempt)
	}
	return p.exponential().Steady(attempt)
}

func (p RetryPolicy) exponential() retry.Policy { return retry.Policy{First: p.First, Max: p.Max} }
