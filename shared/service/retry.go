package service

import (
	"context"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Await calls try until it succeeds or ctx ends, with pauses that grow from 100 ms to 5 s: for a backend that may start
// later than the service. It logs the first failure, and then one every ten seconds.
func Await[T any](ctx context.Context, logger *slog.Logger, what string, try func(ctx context.Context) (T, error)) (T, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 100*time.Millisecond, 5*time.Second
	var logged time.Time
	return backoff.Retry(ctx, func() (T, error) { return try(ctx) },
		backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, _ time.Duration) {
			if time.Since(logged) >= 10*time.Second {
				logged = time.Now()
				logger.WarnContext(ctx, "waiting", "for", what, "error", err)
			}
		}))
}

// Permanent marks an error as not retryable: [Await] returns it immediately.
func Permanent(err error) error { return backoff.Permanent(err) }
