package service

import (
	"context"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Await tries until it works or ctx ends, with pauses that grow from 100 ms to 5 s: for what a service needs
// and may start later than the service. It logs the first failure, and then one every ten seconds.
func Await[T any](ctx context.Context, logger *slog.Logger, what string, try func(ctx context.Context) (T, error)) (T, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 100*time.Millisecond, 5*time.Second
	var told time.Time
	return backoff.Retry(ctx, func() (T, error) { return try(ctx) },
		backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, _ time.Duration) {
			if time.Since(told) >= 10*time.Second {
				told = time.Now()
				logger.WarnContext(ctx, "waiting", "for", what, "error", err)
			}
		}))
}

// Permanent marks an error that waiting won't mend: [Await] returns it at once.
func Permanent(err error) error { return backoff.Permanent(err) }
