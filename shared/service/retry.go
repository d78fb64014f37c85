package service

import (
	"context"
	"log/slog"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/retry"
)

// Pauses between the attempts of [Await], and the minimum time between its log lines.
const (
	firstAwaitPause = 100 * time.Millisecond
	maxAwaitPause   = 5 * time.Second
	awaitLogPeriod  = 10 * time.Second
)

// Await calls try until it succeeds, returns an error marked with [retry.Permanent], or ctx ends, with pauses that grow from
// 100 ms to 5 s. It waits for a backend that may start later than the service. It logs the first failure, and then at most
// one every ten seconds.
func Await[T any](ctx context.Context, logger *slog.Logger, what string, try func(ctx context.Context) (T, error)) (T, error) {
	var logged time.Time
	return retry.Do(ctx, retry.Policy{
		First: firstAwaitPause, Max: maxAwaitPause,
		OnFailure: func(err error, _ time.Duration) {
			if time.Since(logged) >= awaitLogPeriod {
				logged = time.Now()
				logger.WarnContext(ctx, "waiting", "for", what, "error", err)
			}
		},
	}, try)
}
