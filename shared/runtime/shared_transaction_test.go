package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"orchestrix/shared/port"
)

// joint counts the transactions of several views, or rejects them.
type joint struct {
	port.ViewStore
	refuse  bool
	applied atomic.Int64
}

func (j *joint) ApplyTogether(ctx context.Context, all []port.Application) error {
	if j.refuse {
		return errors.New("another transaction holds the lock")
	}
	err := j.ViewStore.ApplyTogether(ctx, all)
	if err == nil && len(all) > 1 {
		j.applied.Add(1)
	}
	return err
}

// Views that have got the same commits share a transaction. If that fails, each has its own.
func TestViewsShareTransactions(t *testing.T) {
	t.Parallel()
	for _, refuse := range []bool{false, true} {
		t.Run(fmt.Sprint("refused ", refuse), func(t *testing.T) {
			t.Parallel()
			onStacks(t, func(t *testing.T, s stack) {
				views := &joint{ViewStore: s.views, refuse: refuse}
				startProjector(t, counting(t, 1, nil), s.log, views, "one")
				want := map[string]tally{}
				for n := 0; n == 0 || !refuse && views.applied.Load() == 0; n++ {
					want = merge(want, feedCounters(t, s.log, fmt.Sprint("round", n, "-"), 3, 5))
					awaitTallies(t, s.views, want)
				}
			})
		})
	}
}
