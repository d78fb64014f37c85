package observe

import (
	"context"
	"sync"
	"time"
)

const (
	lookupAge     = 15 * time.Second // for which a scrape reuses the values of an earlier one
	lookupTimeout = 2 * time.Second
)

// cachedFor returns a function that calls read at most once per age and returns the cached value. After an error it returns
// the zero value, so that a scrape omits unknown values.
func cachedFor[T any](age time.Duration, read func(context.Context) (T, error)) func() T {
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
		found, err := read(ctx)
		if err != nil {
			var none T
			found = none
		}
		value, taken = found, time.Now()
		return value
	}
}
