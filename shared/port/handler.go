package port

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Terminate returns a handler's error that sends the message to the dead letters without further attempts.
func Terminate(err error) error { return &terminated{err} }

// IsTerminated reports whether err is, or wraps, an error of [Terminate].
func IsTerminated(err error) bool {
	var t *terminated
	return errors.As(err, &t)
}

type terminated struct{ error }

func (t *terminated) Unwrap() error { return t.error }

// RetryAfter returns a handler's error that retries the message after this pause. The attempt counts.
func RetryAfter(pause time.Duration, err error) error { return &retryAfter{err, pause} }

// RetryPause returns the pause of an error of [RetryAfter].
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

// Handler handles a message. See [Subscriber] for the meaning of its error.
type Handler = func(context.Context, Delivery) error

// Deliver calls a handler and returns its panic as an error, so that one bad message does not end the worker.
func Deliver(ctx context.Context, handle Handler, d Delivery) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return handle(ctx, d)
}

// NextAttempt decides about a message whose handler failed on an attempt, counted from 1: the message is retried after a pause,
// or, where again is false, goes to the dead letters.
func NextAttempt(p core.RetryPolicy, attempt int, err error) (pause time.Duration, again bool) {
	if IsTerminated(err) || p.Limit > 0 && attempt >= p.Limit {
		return 0, false
	}
	if pause, ok := RetryPause(err); ok {
		return max(pause, 0), true
	}
	return p.Pause(attempt), true
}
