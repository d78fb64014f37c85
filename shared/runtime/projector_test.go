package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orchestrix/shared/core"
	"orchestrix/shared/memory"
	"orchestrix/shared/port"
	"orchestrix/shared/runtime/command"
	"orchestrix/shared/runtime/follower"
	"orchestrix/shared/runtime/projection"
)

func TestProjectorFollowsTheLog(t *testing.T) {
	t.Parallel()
	onStacks(t, func(t *testing.T, s stack) {
		before := feedCounters(t, s.log, "before", 8, 12)
		p, _ := startProjector(t, counting(t, 1, nil), s.log, s.views, "one")
		after := feedCounters(t, s.log, "after", 8, 12)
		awaitTallies(t, s.views, merge(before, after))
		eventually(t, "every partition is caught up and says so", func() error {
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
				checkpoints, err := s.views.Checkpoints(t.Context(), view)
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
	onStacks(t, func(t *testing.T, s stack) {
		registry := counting(t, 1, nil)
		startProjector(t, registry, s.log, s.views, "one")
		eventually(t, "one has all", func() error { return wantLeases(leasesOf(t, s.views), map[string]int{"one": 8}) })
		_, stop := startProjector(t, registry, s.log, s.views, "two")
		eventually(t, "both have half", func() error { return wantLeases(leasesOf(t, s.views), map[string]int{"one": 4, "two": 4}) })
		first := feedCounters(t, s.log, "first", 8, 12)
		awaitTallies(t, s.views, first)
		stop()
		eventually(t, "one has all again", func() error { return wantLeases(leasesOf(t, s.views), map[string]int{"one": 8}) })
		awaitTallies(t, s.views, merge(first, feedCounters(t, s.log, "second", 8, 12)))
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

func (f *frozen) ApplyTogether(ctx context.Context, all []port.Application) error {
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
	onStacks(t, func(t *testing.T, s stack) {
		registry := counting(t, 1, nil)
		f := &frozen{ViewStore: s.views, asleep: make(chan struct{}), wake: make(chan struct{}), late: make(chan error, 1)}
		startProjector(t, registry, s.log, f, "paused")
		first := feedCounters(t, s.log, "first", 4, 6)
		awaitTallies(t, s.views, first)
		f.freeze.Store(true)
		second := feedCounters(t, s.log, "second", 4, 6)
		<-f.asleep
		startProjector(t, registry, s.log, s.views, "other")
		all := merge(first, second)
		awaitTallies(t, s.views, all)
		f.freeze.Store(false)
		close(f.wake)
		if err := <-f.late; !errors.Is(err, port.ErrFenced) {
			t.Errorf("the late transaction: %v", err)
		}
		awaitTallies(t, s.views, merge(all, feedCounters(t, s.log, "third", 4, 6)))
	})
}

// An event that can't be applied is parked, later events of its document queue behind it, and all others are applied.
func TestEventsAreParked(t *testing.T) {
	t.Parallel()
	onStacks(t, func(t *testing.T, s stack) {
		var bad atomic.Bool
		bad.Store(true)
		registry := counting(t, 1, &bad)
		startProjector(t, registry, s.log, s.views, "one")
		x := newExecutor(t, s.log, nil, command.Config{})
		for i, n := range []int{1, 13, 2, 13, 4} {
			mustExecute(t, x, addCommand("stuck", fmt.Sprint("c", i), n))
		}
		others := feedCounters(t, s.log, "free", 4, 10)
		delete(others, "odd") // it is stuck too
		even := others["even"]
		others["even"] = tally{even.Total + 6, even.Adds + 2}
		others["stuck"] = tally{1, 1}
		awaitTallies(t, s.views, others)

		failed, err := s.views.Parked(t.Context(), port.ParkedQuery{View: "by-id", Limit: 10})
		if err != nil || len(failed) != 1 || failed[0].Behind != 3 || failed[0].Stream.ID != "stuck" {
			t.Fatalf("parked are %+v, %v", failed, err)
		}
		causes := failed[0].Failure.Causes
		if len(causes) != 2 || causes[0] != "number 13: can't count this" || causes[1] != errCount.Error() {
			t.Errorf("the causes are %q", causes)
		}
		parking := projection.NewParking(registry, s.log, s.views)
		by := core.Action{Who: "ada"}
		if r, err := parking.Retry(t.Context(), failed[0].ID, by); err != nil || r.Applied != 0 || r.Failed == nil {
			t.Errorf("a retry without a change is %+v, %v", r, err)
		}
		if again, err := s.views.ParkedEvent(t.Context(), failed[0].ID); err != nil || again.Attempts != 2 {
			t.Errorf("after a retry it is %+v, %v", again, err)
		}
		// The first is skipped, the second succeeds after bad is reset.
		if r, err := parking.Skip(t.Context(), failed[0].ID, by); err != nil || r.Applied != 1 || r.Failed == nil {
			t.Errorf("skipping the first is %+v, %v", r, err)
		}
		others["stuck"] = tally{3, 2}
		awaitTallies(t, s.views, map[string]tally{"stuck": others["stuck"]})
		bad.Store(false)
		failed, err = s.views.Parked(t.Context(), port.ParkedQuery{View: "by-id", Limit: 10})
		if err != nil || len(failed) != 1 || failed[0].Behind != 1 {
			t.Fatalf("now parked are %+v, %v", failed, err)
		}
		if r, err := parking.Retry(t.Context(), failed[0].ID, by); err != nil || r.Applied != 2 || r.Failed != nil {
			t.Errorf("the retry is %+v, %v", r, err)
		}
		mustExecute(t, x, addCommand("stuck", "last", 8))
		awaitTallies(t, s.views, map[string]tally{"stuck": {1 + 2 + 13 + 4 + 8, 5}})
		if _, err := parking.Retry(t.Context(), failed[0].ID, by); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("another retry: %v", err)
		}
	})
}

// A rebuild serves the old documents until the new ones are complete.
func TestRebuild(t *testing.T) {
	t.Parallel()
	onStacks(t, func(t *testing.T, s stack) {
		want := feedCounters(t, s.log, "a", 6, 20)
		_, stop := startProjector(t, counting(t, 1, nil), s.log, s.views, "one")
		awaitTallies(t, s.views, want)
		if _, err := s.views.Rebuild(t.Context(), counterView(t, "by-id"), true, core.Action{Who: "ada", Did: "rebuild"}); err != nil {
			t.Fatal(err)
		}
		stop() // in the middle, or before it has begun
		startProjector(t, counting(t, 1, nil), s.log, s.views, "two")
		eventually(t, "the rebuild is active and the old build is gone", func() error {
			d, err := s.views.Get(t.Context(), "by-id", core.DefaultTenant, "a0")
			if err != nil || string(d.Data) != `{"total":210,"adds":20}` {
				t.Fatalf("a reader got %s, %v", d.Data, err)
			}
			builds, err := s.views.Builds(t.Context())
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
		awaitTallies(t, s.views, merge(want, feedCounters(t, s.log, "b", 4, 6)))
	})
}

func counterView(t testing.TB, name string) core.ViewSpec {
	t.Helper()
	view, ok := counting(t, 1, nil).View(name)
	if !ok {
		t.Fatal("no view", name)
	}
	return view.ViewSpec
}

// A new version is built beside the old one, which is served until then.
func TestNewVersion(t *testing.T) {
	t.Parallel()
	onStacks(t, func(t *testing.T, s stack) {
		want := feedCounters(t, s.log, "a", 6, 20)
		_, stop := startProjector(t, counting(t, 1, nil), s.log, s.views, "one")
		awaitTallies(t, s.views, want)
		stop()
		startProjector(t, counting(t, 2, nil), s.log, s.views, "two")
		eventually(t, "version 2 is active", func() error {
			if _, err := s.views.Get(t.Context(), "by-id", core.DefaultTenant, "a0"); err != nil {
				t.Fatalf("a reader got %v", err)
			}
			builds, err := s.views.Builds(t.Context())
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
		awaitTallies(t, s.views, merge(want, feedCounters(t, s.log, "b", 4, 6)))
	})
}

// A worker that is connected to another log halts, while a worker on the right one continues. A rebuild follows the other log,
// though it is shorter and has partitions without a commit.
func TestAnotherLog(t *testing.T) {
	t.Parallel()
	onStacks(t, func(t *testing.T, s stack) {
		registry, other := counting(t, 1, nil), memory.NewLog(4)
		_, stop := startProjector(t, registry, s.log, s.views, "one")
		old := feedCounters(t, s.log, "a", 8, 6)
		awaitTallies(t, s.views, old)
		stop()

		fresh := feedCounters(t, other, "b", 1, 2)
		p, _ := startProjector(t, registry, other, s.views, "two")
		eventually(t, "the projections halt", func() error { return someHalted(p) })
		if _, err := s.views.Get(t.Context(), "by-id", core.DefaultTenant, "b0"); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("a document of the other log: %v", err)
		}
		_, stop = startProjector(t, registry, s.log, s.views, "three")
		old = merge(old, feedCounters(t, s.log, "c", 8, 6))
		awaitTallies(t, s.views, old)
		if err := someHalted(p); err != nil {
			t.Errorf("the worker on the other log does not stay halted: %v", err)
		}
		stop()

		for _, view := range []string{"by-id", "parity"} {
			if _, err := s.views.Rebuild(t.Context(), counterView(t, view), false, core.Action{Who: "ada", Did: "rebuild"}); err != nil {
				t.Fatal(err)
			}
		}
		awaitTallies(t, s.views, fresh)
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
