package projection_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/port"
)

// joint counts the transactions of several views, or rejects them.
type joint struct {
	port.ViewStore
	refuse  bool
	applied atomic.Int64
}

func (j *joint) ApplyTogether(ctx context.Context, all []port.ProjectionUpdate) error {
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
			runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
				views := &joint{ViewStore: s.Views, refuse: refuse}
				runtimetest.StartProjector(t, runtimetest.TallyRegistry(t, 1, nil), s.Log, views, "one")
				want := map[string]runtimetest.Tally{}
				for n := 0; n == 0 || !refuse && views.applied.Load() == 0; n++ {
					want = runtimetest.MergeTallies(want, runtimetest.FeedCounters(t, s.Log, fmt.Sprint("round", n, "-"), 3, 5))
					runtimetest.AwaitTallies(t, s.Views, want)
				}
			})
		})
	}
}
