package port

import (
	"context"
	"errors"
	"fmt"
	"orchestrix/shared/core"
	"runtime/debug"
	"time"
)

// Terminate tells the bus that trying again is of no use.
func Terminate(err error) error { return &terminated{err} }

// IsTerminated reports whether err says that trying again is of no use.
func IsTerminated(err error) bool {
	var t *terminated
	return errors.As(err, &t)
}

type terminated struct{ error }

func (t *terminated) Unwrap() error { return t.error }

// RetryAfter tells the bus to try again after a time of the handler's choice. The attempt counts.
func RetryAfter(pause time.Duration, err error) error { return &retryAfter{err, pause} }

// RetryPause is the time that [RetryAfter] has set.
func RetryPause(err error) (time.Duration, bool) {
	var r *retryAfter
	if errors.As(err, &r) {
		return r.pause, true
	}
	return 0, false
}

type retryAfter struct {
	error
	pause time.Duration
}

func (r *retryAfter) Unwrap() error { return r.error }

// Handler handles a message. See [Subscriber] for what its error does.
type Handler = func(context.Context, Delivery) error

// Deliver calls a handler for an adapter of the bus, and makes an error of its panic: one bad message must not end the
// worker that happens to have it.
func Deliver(ctx context.Context, handle Handler, d Delivery) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return handle(ctx, d)
}

// Verdict is what becomes of a message whose handler returned an error on an attempt, counted from 1: it is tried again
// after a pause, or goes to the dead letters.
func Verdict(p core.RetryPolicy, attempt int, err error) (pause time.Duration, again bool) {
	if IsTerminated(err) || p.Limit > 0 && attempt >= p.Limit {
		return 0, false
	}
	if pause, ok := RetryPause(err); ok {
		return max(pause, 0), true
	}
	return p.Pause(attempt), true
}
