// Package retry repeats calls that may succeed later, and waits between attempts.
//
//	log, err := retry.Do(ctx, retry.Policy{First: 100 * time.Millisecond, Max: 5 * time.Second}, open)
//
// [Do] repeats a call. A loop with its own condition to continue takes its pauses from [Policy.Pause] and waits
// with [Sleep]; a loop that polls uses [Pauses].
package retry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Policy is how often a call is repeated, and with which pauses. The pause doubles with each failure, from First to
// Max, and half of it is random, so that callers that failed together do not retry together.
type Policy struct {
	First      time.Duration // pause after the first failure; 100 ms if 0
	Max        time.Duration // longest pause; a minute if 0, and never less than First
	FullJitter bool          // the whole pause is random: for callers that compete for one thing and need it briefly
	Limit      int           // attempts in all; 0 is no limit
	Budget     time.Duration // no attempt begins later than this after the first; 0 is no limit
	// OnFailure is called before each pause; nil is allowed.
	OnFailure func(err error, pause time.Duration)
}

const (
	defaultFirst = 100 * time.Millisecond
	defaultMax   = time.Minute
)

// Pause returns how long to wait after a failed attempt, counted from 1.
func (p Policy) Pause(attempt int) time.Duration {
	pause := p.Steady(attempt)
	if p.FullJitter {
		return rand.N(pause)
	}
	half := pause / 2
	return half + rand.N(half+1)
}

// Steady returns the upper bound of [Policy.Pause], which depends on the attempt only: for decisions that must be
// reproducible.
func (p Policy) Steady(attempt int) time.Duration {
	pause, longest := p.First, p.Max
	if pause <= 0 {
		pause = defaultFirst
	}
	if longest <= 0 {
		longest = defaultMax
	}
	longest = max(longest, pause)
	for i := 1; i < attempt && pause < longest; i++ {
		if pause > longest/2 { // twice as much could overflow
			return longest
		}
		pause *= 2
	}
	return pause
}

// Do calls operation until it succeeds, returns an error marked with [Permanent], the policy's limit or budget is
// reached, or ctx ends. It returns what the last call returned; a mark around the whole error is taken off. If ctx
// ends during a pause, the error wraps both the cause of ctx and the last error.
func Do[T any](ctx context.Context, p Policy, operation func(ctx context.Context) (T, error)) (T, error) {
	started := time.Now()
	for attempt := 1; ; attempt++ {
		value, err := operation(ctx)
		if err == nil {
			return value, nil
		}
		if mark := (*permanent)(nil); errors.As(err, &mark) {
			if err == error(mark) { //nolint:errorlint // only the outermost mark is taken off
				err = mark.err
			}
			return value, err
		}
		pause := p.Pause(attempt)
		if p.Limit > 0 && attempt >= p.Limit || p.Budget > 0 && time.Since(started)+pause > p.Budget {
			return value, err
		}
		if p.OnFailure != nil {
			p.OnFailure(err, pause)
		}
		if !Sleep(ctx, pause) {
			return value, fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// Permanent marks an error that another attempt would meet again: [Do] returns it immediately. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanent{err: err}
}

type permanent struct{ err error }

func (p *permanent) Error() string { return p.err.Error() }
func (p *permanent) Unwrap() error { return p.err }

// Sleep waits for d. It returns false if ctx ends first, or has ended.
func Sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// Pauses are those of a loop that polls: they double from First to Max while nothing is found.
type Pauses struct {
	First, Max time.Duration
	next       time.Duration
}

// Wait waits for the next pause. It returns false if ctx ends first.
func (p *Pauses) Wait(ctx context.Context) bool {
	pause := max(p.next, p.First)
	p.next = min(2*pause, p.Max)
	return Sleep(ctx, pause)
}

// Reset makes the next pause the first one again, after something was found.
func (p *Pauses) Reset() { p.next = p.First }
