package jetstream

import (
	"context"
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/retry"
)

// Pauses between attempts.
var (
	writePauses = retry.Policy{First: 20 * time.Millisecond, Max: 500 * time.Millisecond}
	ownerPauses = retry.Policy{First: 50 * time.Millisecond, Max: 2 * time.Second}
)

// readPause is the pause between attempts to read: an election or a reconnect is short.
const readPause = 50 * time.Millisecond

// pauseUntil pauses before another attempt, and reports whether there may be one: not if ctx has ended, or if the attempt would
// start after end.
func pauseUntil(ctx context.Context, pause time.Duration, end time.Time) bool {
	return time.Until(end) >= pause && retry.Sleep(ctx, pause)
}

// answerContext limits ctx to the time for one answer of the server, at most until end.
func (s *server) answerContext(ctx context.Context, end time.Time) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, min(s.config.AckTimeout, time.Until(end)))
}

// retryWrite repeats a write, which must be idempotent, until it succeeds, isPermanent reports that its error will last, or the
// budget of an append is spent. It returns the error of the last attempt.
func (s *server) retryWrite(ctx context.Context, write func(context.Context) error, isPermanent func(error) bool) error {
	end := time.Now().Add(s.config.AppendBudget)
	policy := writePauses
	policy.Budget = s.config.AppendBudget
	_, err := retry.Do(ctx, policy, func(ctx context.Context) (struct{}, error) {
		answering, cancel := s.answerContext(ctx, end)
		defer cancel()
		err := answering.Err()
		if err == nil {
			err = write(answering)
		}
		if err == nil {
			s.failover.succeeded()
			return struct{}{}, nil
		}
		s.failover.failed(ctx, err)
		if isPermanent(err) {
			err = retry.Permanent(err)
		}
		return struct{}{}, err
	})
	return err
}

func unavailable(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", port.ErrUnavailable, what, err)
}
