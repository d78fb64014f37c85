package projection_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
	"github.com/orchestrix-go/orchestrix/shared/runtime/projection"
)

func TestProjectorFollowsTheLog(t *testing.T) {
	t.Parallel()
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		before := runtimetest.FeedCounters(t, s.Log, "before", 8, 12)
		p, _ := runtimetest.StartProjector(t, runtimetest.TallyRegistry(t, 1, nil), s.Log, s.Views, "one")
		after := runtimetest.FeedCounters(t, s.Log, "after", 8, 12)
		runtimetest.AwaitTallies(t, s.Views, runtimetest.MergeTallies(before, after))
		runtimetest.Eventually(t, "every partition is caught up in the status", func() error {
			reports := p.Status()
			if len(reports) != 2 {
				return fmt.Errorf("%d reports", len(reports))
			}
			for _, r := range reports {
				if share, left := r.Progress(); share != 1 || left != 0 || r.State != port.Active {
					return fmt.Errorf("%s is %s at %v with %v left", r.Build, r.State, share, left)
				}
				for _, part := range r.Partitions {
					if part.State != follower.Following || part.Lag != 0 || part.LagTime != 0 || part.Err != nil {
						return fmt.Errorf("%s is %+v", r.Build, part)
					}
				}
			}
			for _, view := range []string{"by-id", "parity"} {
				checkpoints, err := s.Views.Checkpoints(t.Context(), view)
				if err != nil || len(checkpoints) != 4 {
					return fmt.Errorf("the checkpoints are %v, %w", checkpoints, err)
				}
				for _, c := range checkpoints {
					if c.CaughtUp.IsZero() {
						return fmt.Errorf("%s has not been caught up", c.Position)
					}
				}
			}
			return nil
		})
	})
}

func leasesOf(t testing.TB, views port.ViewStore) map[string]int {
	t.Helper()
	builds, err := views.Builds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	owners := map[string]int{}
	for _, b := range builds {
		for _, c := range b.Checkpoints {
			if c.Lease.Owner != "" && c.Lease.Until.After(time.Now()) {
				owners[c.Lease.Owner]++
			}
		}
	}
	return owners
}

// Two workers have half of the leases each. When one stops, the other takes over its leases.
func TestProjectorsShareTheWork(t *testing.T) {
	t.Parallel()
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		registry := runtimetest.TallyRegistry(t, 1, nil)
		runtimetest.StartProjector(t, registry, s.Log, s.Views, "one")
		runtimetest.Eventually(t, "one has all", func() error { return wantLeases(leasesOf(t, s.Views), map[string]int{"one": 8}) })
		_, stop := runtimetest.StartProjector(t, registry, s.Log, s.Views, "two")
		runtimetest.Eventually(t, "both have half", func() error { return wantLeases(leasesOf(t, s.Views), map[string]int{"one": 4, "two": 4}) })
		first := runtimetest.FeedCounters(t, s.Log, "first", 8, 12)
		runtimetest.AwaitTallies(t, s.Views, first)
		stop()
		runtimetest.Eventually(t, "one has all again", func() error { return wantLeases(leasesOf(t, s.Views), map[string]int{"one": 8}) })
		runtimetest.AwaitTallies(t, s.Views, runtimetest.MergeTallies(first, runtimetest.FeedCounters(t, s.Log, "second", 8, 12)))
	})
}

func wantLeases(got, want map[string]int) error {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("the leases are %v, not %v", got, want)
	}
	return nil
}

// frozen is the store of a worker that is paused: the worker renews nothing, and the transaction that it has begun is sent when
// it resumes.
type frozen struct {
	port.ViewStore
	freeze atomic.Bool
	asleep chan struct{} // closed when a transaction waits
	wake   chan struct{}
	once   sync.Once
	late   chan error
}

func (f *frozen) Apply(ctx context.Context, view core.ViewSpec, u port.Update, fold port.FoldFunc) error {
	return f.transact(func() error { return f.ViewStore.Apply(ctx, view, u, fold) })
}

func (f *frozen) ApplyTogether(ctx context.Context, all []port.ProjectionUpdate) error {
	return f.transact(func() error { return f.ViewStore.ApplyTogether(ctx, all) })
}

// transact runs a transaction; while the worker is paused, not before it resumes.
func (f *frozen) transact(transact func() error) error {
	if !f.freeze.Load() {
		return transact()
	}
	f.once.Do(func() { close(f.asleep) })
	<-f.wake
	err := transact()
	select {
	case f.late <- err:
	default:
	}
	return err
}

func (f *frozen) Renew(ctx context.Context, leases []port.Lease, caughtUp []time.Time, ttl time.Duration) ([]port.Lease, error) {
	if f.freeze.Load() {
		<-f.wake
	}
	return f.ViewStore.Renew(ctx, leases, caughtUp, ttl)
}

func (f *frozen) Join(ctx context.Context, kind port.WorkerKind, owner string, ttl time.Duration) (int, error) {
	if f.freeze.Load() {
		<-f.wake
	}
	return f.ViewStore.Join(ctx, kind, owner, ttl)
}

// A worker that is paused, and resumes after another has taken over, commits nothing.
func TestPausedProjectorCommitsNothing(t *testing.T) {
	t.Parallel()
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		registry := runtimetest.TallyRegistry(t, 1, nil)
		f := &frozen{ViewStore: s.Views, asleep: make(chan struct{}), wake: make(chan struct{}), late: make(chan error, 1)}
		runtimetest.StartProjector(t, registry, s.Log, f, "paused")
		first := runtimetest.FeedCounters(t, s.Log, "first", 4, 6)
		runtimetest.AwaitTallies(t, s.Views, first)
		f.freeze.Store(true)
		second := runtimetest.FeedCounters(t, s.Log, "second", 4, 6)
		<-f.asleep
		runtimetest.StartProjector(t, registry, s.Log, s.Views, "other")
		all := runtimetest.MergeTallies(first, second)
		runtimetest.AwaitTallies(t, s.Views, all)
		f.freeze.Store(false)
		close(f.wake)
		if err := <-f.late; !errors.Is(err, port.ErrFenced) {
			t.Errorf("the late transaction: %v", err)
		}
		runtimetest.AwaitTallies(t, s.Views, runtimetest.MergeTallies(all, runtimetest.FeedCounters(t, s.Log, "third", 4, 6)))
	})
}

// An event that can't be applied is parked, later events of its document queue behind it, and all others are applied.
func TestEventsAreParked(t *testing.T) {
	t.Parallel()
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		var bad atomic.Bool
		bad.Store(true)
		registry := runtimetest.TallyRegistry(t, 1, &bad)
		runtimetest.StartProjector(t, registry, s.Log, s.Views, "one")
		x := runtimetest.NewExecutor(t, s.Log, nil, command.Config{})
		for i, n := range []int{1, 13, 2, 13, 4} {
			runtimetest.MustExecute(t, x, runtimetest.AddCommand("stuck", fmt.Sprint("c", i), n))
		}
		others := runtimetest.FeedCounters(t, s.Log, "free", 4, 10)
		delete(others, "odd") // it is stuck too
		even := others["even"]
		others["even"] = runtimetest.Tally{Total: even.Total + 6, Adds: even.Adds + 2}
		others["stuck"] = runtimetest.Tally{Total: 1, Adds: 1}
		runtimetest.AwaitTallies(t, s.Views, others)

		failed, err := s.Views.Parked(t.Context(), port.ParkedQuery{View: "by-id", Limit: 10})
		if err != nil || len(failed) != 1 || failed[0].Behind != 3 || failed[0].Stream.ID != "stuck" {
			t.Fatalf("parked are %+v, %v", failed, err)
		}
		causes := failed[0].Failure.Causes
		if len(causes) != 2 || causes[0] != "number 13: can't count this" || causes[1] != runtimetest.ErrCount.Error() {
			t.Errorf("the causes are %q", causes)
		}
		parking := projection.NewParkedEvents(registry, s.Log, s.Views)
		by := core.Action{Who: "ada"}
		if r, err := parking.Retry(t.Context(), failed[0].ID, by); err != nil || r.Applied != 0 || r.Failed == nil {
			t.Errorf("a retry without a change is %+v, %v", r, err)
		}
		if again, err := s.Views.ParkedEvent(t.Context(), failed[0].ID); err != nil || again.Attempts != 2 {
			t.Errorf("after a retry it is %+v, %v", again, err)
		}
		// The first is skipped, the second succeeds after bad is reset.
		if r, err := parking.Skip(t.Context(), failed[0].ID, by); err != nil || r.Applied != 1 || r.Failed == nil {
			t.Errorf("skipping the first is %+v, %v", r, err)
		}
		others["stuck"] = runtimetest.Tally{Total: 3, Adds: 2}
		runtimetest.AwaitTallies(t, s.Views, map[string]runtimetest.Tally{"stuck": others["stuck"]})
		bad.Store(false)
		failed, err = s.Views.Parked(t.Context(), port.ParkedQuery{View: "by-id", Limit: 10})
		if err != nil || len(failed) != 1 || failed[0].Behind != 1 {
			t.Fatalf("now parked are %+v, %v", failed, err)
		}
		if r, err := parking.Retry(t.Context(), failed[0].ID, by); err != nil || r.Applied != 2 || r.Failed != nil {
			t.Errorf("the retry is %+v, %v", r, err)
		}
		runtimetest.MustExecute(t, x, runtimetest.AddCommand("stuck", "last", 8))
		runtimetest.AwaitTallies(t, s.Views, map[string]runtimetest.Tally{"stuck": {Total: 1 + 2 + 13 + 4 + 8, Adds: 5}})
		if _, err := parking.Retry(t.Context(), failed[0].ID, by); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("another retry: %v", err)
		}
	})
}

// A rebuild serves the old documents until the new ones are complete.
func TestRebuild(t *testing.T) {
	t.Parallel()
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		want := runtimetest.FeedCounters(t, s.Log, "a", 6, 20)
		_, stop := runtimetest.StartProjector(t, runtimetest.TallyRegistry(t, 1, nil), s.Log, s.Views, "one")
		runtimetest.AwaitTallies(t, s.Views, want)
		if _, err := s.Views.Rebuild(t.Context(), runtimetest.CounterView(t, "by-id"), true, core.Action{Who: "ada", Did: "rebuild"}); err != nil {
			t.Fatal(err)
		}
		stop() // in the middle, or before it has begun
		runtimetest.StartProjector(t, runtimetest.TallyRegistry(t, 1, nil), s.Log, s.Views, "two")
		runtimetest.Eventually(t, "the rebuild is active and the old build is gone", func() error {
			d, err := s.Views.Get(t.Context(), "by-id", core.DefaultTenant, "a0")
			if err != nil || string(d.Data) != `{"total":210,"adds":20}` {
				t.Fatalf("a reader got %s, %v", d.Data, err)
			}
			builds, err := s.Views.Builds(t.Context())
			if err != nil {
				return err
			}
			for _, b := range builds {
				if b.View == "by-id" && (b.Number() != "1.1" || b.State != port.Active) {
					return fmt.Errorf("there is %s, %s", b.Build, b.State)
				}
			}
			return nil
		})
		runtimetest.AwaitTallies(t, s.Views, runtimetest.MergeTallies(want, runtimetest.FeedCounters(t, s.Log, "b", 4, 6)))
	})
}

// A new version is built beside the old one, which is served until then.
func TestNewVersion(t *testing.T) {
	t.Parallel()
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		want := runtimetest.FeedCounters(t, s.Log, "a", 6, 20)
		_, stop := runtimetest.StartProjector(t, runtimetest.TallyRegistry(t, 1, nil), s.Log, s.Views, "one")
		runtimetest.AwaitTallies(t, s.Views, want)
		stop()
		runtimetest.StartProjector(t, runtimetest.TallyRegistry(t, 2, nil), s.Log, s.Views, "two")
		runtimetest.Eventually(t, "version 2 is active", func() error {
			if _, err := s.Views.Get(t.Context(), "by-id", core.DefaultTenant, "a0"); err != nil {
				t.Fatalf("a reader got %v", err)
			}
			builds, err := s.Views.Builds(t.Context())
			if err != nil {
				return err
			}
			for _, b := range builds {
				if want := map[int]port.BuildState{1: port.Retired, 2: port.Active}[b.Version]; b.State != want {
					return fmt.Errorf("%s is %s", b.Build, b.State)
				}
			}
			return nil
		})
		runtimetest.AwaitTallies(t, s.Views, runtimetest.MergeTallies(want, runtimetest.FeedCounters(t, s.Log, "b", 4, 6)))
	})
}

// A worker that is connected to another log halts, while a worker on the right one continues. A rebuild follows the other log,
// though it is shorter and has partitions without a commit.
func TestAnotherLog(t *testing.T) {
	t.Parallel()
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		registry, other := runtimetest.TallyRegistry(t, 1, nil), memory.NewLog(4)
		_, stop := runtimetest.StartProjector(t, registry, s.Log, s.Views, "one")
		old := runtimetest.FeedCounters(t, s.Log, "a", 8, 6)
		runtimetest.AwaitTallies(t, s.Views, old)
		stop()

		fresh := runtimetest.FeedCounters(t, other, "b", 1, 2)
		p, _ := runtimetest.StartProjector(t, registry, other, s.Views, "two")
		runtimetest.Eventually(t, "the projections halt", func() error { return someHalted(p) })
		if _, err := s.Views.Get(t.Context(), "by-id", core.DefaultTenant, "b0"); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("a document of the other log: %v", err)
		}
		_, stop = runtimetest.StartProjector(t, registry, s.Log, s.Views, "three")
		old = runtimetest.MergeTallies(old, runtimetest.FeedCounters(t, s.Log, "c", 8, 6))
		runtimetest.AwaitTallies(t, s.Views, old)
		if err := someHalted(p); err != nil {
			t.Errorf("the worker on the other log does not stay halted: %v", err)
		}
		stop()

		for _, view := range []string{"by-id", "parity"} {
			if _, err := s.Views.Rebuild(t.Context(), runtimetest.CounterView(t, view), false, core.Action{Who: "ada", Did: "rebuild"}); err != nil {
				t.Fatal(err)
			}
		}
		runtimetest.AwaitTallies(t, s.Views, fresh)
	})
}

func someHalted(p *projection.Projector) error {
	for _, r := range p.Status() {
		for _, part := range r.Partitions {
			var mismatch *follower.LogMismatchError
			if part.State == follower.Halted && errors.As(part.Err, &mismatch) {
				return nil
			}
		}
	}
	return errors.New("none has")
}
