package jetstream

import (
	"context"
	"fmt"
	"time"

	"orchestrix/shared/core"
	"orchestrix/shared/port"
)

// Pauses between attempts.
var (
	writePauses = core.RetryPolicy{First: 20 * time.Millisecond, Max: 500 * time.Millisecond}
	readPauses  = core.RetryPolicy{Backoff: core.Fixed, First: 50 * time.Millisecond, Max: 50 * time.Millisecond} // an election or a reconnect is short
	ownerPauses = core.RetryPolicy{First: 50 * time.Millisecond, Max: 2 * time.Second}
)

// pauseAfter pauses after a failed attempt, counted from 1, and reports whether there may be another: not where ctx has
// ended, or where the next attempt would start after end; the zero end is none. Every retry of this package pauses here.
func pauseAfter(ctx context.Context, attempt int, end time.Time, pauses core.RetryPolicy) bool {
	pause := pauses.Pause(attempt)
	if !end.IsZero() && time.Until(end) < pause {
		return false
	}
	return sleep(ctx, pause)
}

// sleep pauses, and reports whether ctx continues.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// answerContext limits ctx to the time for one answer of the server, at most until end.
func (s *server) answerContext(ctx context.Context, end time.Time) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, min(s.config.AckTimeout, time.Until(end)))
}

// retryWrite repeats a write, which must be idempotent, until it succeeds, permanent reports that its error will last, or
// the budget of an append is spent. It returns the error of the last attempt.
func (s *server) retryWrite(ctx context.Context, write func(context.Context) error, permanent func(error) bool) error {
	end := time.Now().Add(s.config.AppendBudget)
	for attempt := 1; ; attempt++ {
		answering, cancel := s.answerContext(ctx, end)
		err := answering.Err()
		if err == nil {
			err = write(answering)
		}
		cancel()
		if err == nil {
			s.failover.succeeded()
			return nil
		}
		s.failover.failed(ctx, err)
		if permanent(err) || !pauseAfter(ctx, attempt, end, writePauses) {
			return err
		}
	}
}

func unavailable(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", port.ErrUnavailable, what, err)
}
