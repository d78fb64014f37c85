package observe

import (
	"context"
	"sync"
	"time"
)

const (
	lookupAge     = 15 * time.Second // for so long what was looked up for a scrape is used again
	lookupTimeout = 2 * time.Second
)

// cachedFor looks something up at most every so often, however many ask. Where that fails, the answer is the zero value:
// what is not known is not shown.
func cachedFor[T any](age time.Duration, look func(context.Context) (T, error)) func() T {
	var mu sync.Mutex
	var value T
	var taken time.Time
	return func() T {
		mu.Lock()
		defer mu.Unlock()
		if !taken.IsZero() && time.Since(taken) < age {
			return value
		}
		ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
		defer cancel()
		found, err := look(ctx)
		if err != nil {
			var none T
			found = none
		}
		value, taken = found, time.Now()
		return value
	}
}
