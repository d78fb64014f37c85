package projection_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
)

// heldUp is longer than a request to the store may take: the store does not see how long it was in flight.
const heldUp = time.Second

// stalling is a store that delays a worker between its read of the heads and its next request, and applies nothing meanwhile.
type stalling struct {
	port.ViewStore
	stalls    atomic.Bool
	headsRead chan struct{} // receives when the worker has read the heads
	proceed   chan struct{}
	next      chan struct{} // receives in each round of the worker
	end       chan struct{}
}

func (s *stalling) Builds(ctx context.Context) ([]port.BuildStatus, error) {
	if s.stalls.Load() {
		select {
		case s.headsRead <- struct{}{}:
			<-s.proceed
		case <-s.end:
		default:
		}
	}
	return s.ViewStore.Builds(ctx)
}

func (s *stalling) Join(ctx context.Context, kind port.WorkerKind, owner string, ttl time.Duration) (int, error) {
	select {
	case s.next <- struct{}{}:
	default:
	}
	return s.ViewStore.Join(ctx, kind, owner, ttl)
}

func (s *stalling) Apply(ctx context.Context, view core.ViewSpec, u port.Update, fold port.FoldFunc) error {
	s.stall()
	return s.ViewStore.Apply(ctx, view, u, fold)
}

func (s *stalling) ApplyTogether(ctx context.Context, all []port.ProjectionUpdate) error {
	s.stall()
	return s.ViewStore.ApplyTogether(ctx, all)
}

func (s *stalling) stall() {
	if s.stalls.Load() {
		<-s.end
	}
}

// A view that claims to be caught up as of a time includes all commits acknowledged by then, however long the worker was
// delayed between its read of the heads and its request to the store.
func TestCaughtUpIsAsOfTheLook(t *testing.T) {
	t.Parallel()
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		views := &stalling{
			ViewStore: s.Views, headsRead: make(chan struct{}), proceed: make(chan struct{}), next: make(chan struct{}), end: make(chan struct{}),
		}
		runtimetest.StartProjector(t, runtimetest.TallyRegistry(t, 1, nil), s.Log, views, "one")
		t.Cleanup(func() { close(views.end) })
		runtimetest.AwaitTallies(t, s.Views, runtimetest.FeedCounters(t, s.Log, "a", 1, 1))
		views.stalls.Store(true)
		<-views.headsRead
		time.Sleep(heldUp)
		runtimetest.MustExecute(t, runtimetest.NewExecutor(t, s.Log, nil, command.Config{}), runtimetest.AddCommand("a0", "later", 2))
		acknowledged := time.Now()
		close(views.proceed)
		<-views.next // the round has ended
		checkpoints, err := s.Views.Checkpoints(t.Context(), "by-id")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range checkpoints {
			if c.Position.Partition == core.PartitionOf(core.DefaultTenant, "a0", 4) && (c.Position.Sequence != 1 || c.CaughtUp.After(acknowledged)) {
				t.Errorf("at %s it is caught up as of %s; the next commit was acknowledged at %s", c.Position, c.CaughtUp, acknowledged)
			}
		}
	})
}
