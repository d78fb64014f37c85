package porttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Deadlines tests an implementation of [port.Deadlines]. open returns an empty store for one test.
func Deadlines(t *testing.T, open func(t testing.TB) port.Deadlines) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, port.Deadlines){
		"they fire, and not before their time":    deadlinesFire,
		"one that is past fires immediately":      deadlinePast,
		"one that is far away does not fire":      deadlineFarAway,
		"a replaced one fires at its new time":    deadlineReplaced,
		"a cancelled one does not fire":           deadlineCancelled,
		"what is pending":                         deadlinesPending,
		"what is refused":                         deadlinesRefused,
		"those of one instance come in order":     deadlinesInOrder,
		"one that fails holds back its instance":  deadlineFails,
		"workers share them":                      deadlinesShared,
		"an ended context waits for the handlers": deadlinesDrain,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func deadline(instance, name, id string, in time.Duration) port.Deadline {
	return port.Deadline{
		Of: stream(instance), Name: name, ID: id, At: time.Now().UTC().Add(in).Truncate(time.Microsecond),
		CorrelationID: "correlation\nof " + id, CausationID: "causation of " + id, Trace: core.Trace{Parent: "parent of " + id, State: "state"},
	}
}

func setDeadline(t testing.TB, deadlines port.Deadlines, d port.Deadline) {
	t.Helper()
	if err := deadlines.SetDeadline(t.Context(), d); err != nil {
		t.Fatalf("SetDeadline %s: %v", d.ID, err)
	}
}

func cancelDeadline(t testing.TB, deadlines port.Deadlines, of core.Stream, name string) {
	t.Helper()
	if err := deadlines.CancelDeadline(t.Context(), of, name); err != nil {
		t.Fatalf("CancelDeadline %s: %v", name, err)
	}
}

func pendingIDs(t testing.TB, deadlines port.Deadlines, q port.DeadlineQuery) []string {
	t.Helper()
	pending, err := deadlines.PendingDeadlines(t.Context(), q)
	if err != nil {
		t.Fatalf("PendingDeadlines: %v", err)
	}
	var ids []string
	for _, d := range pending {
		ids = append(ids, d.ID)
	}
	return ids
}

// dueSubscription is the suite's subscription: a failed deadline is retried without a pause.
var dueSubscription = port.Subscription{
	Group: "suite", MaxInFlight: 8, AckWait: 10 * time.Second, Retry: core.RetryPolicy{Backoff: core.Fixed, First: time.Millisecond},
}

// handleDue receives deadlines until handle, which one goroutine calls at a time, returns false.
func handleDue(t testing.TB, deadlines port.Deadlines, handle func(port.Deadline) (more bool, err error)) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	var mu sync.Mutex
	done := false
	err := deadlines.Due(ctx, dueSubscription, func(_ context.Context, d port.Deadline) error {
		mu.Lock()
		defer mu.Unlock()
		if done { // what is taken besides the last one wanted is not asked for
			return errDone
		}
		more, err := handle(d)
		if !more {
			done = true
			stop()
		}
		return err
	})
	if err != nil || !done {
		t.Fatalf("Due ended with %v, and not every deadline that was waited for has come", err)
	}
}

// dueIDs receives deadlines until this number of different ones has fired, and returns their ids in the order of firing.
func dueIDs(t testing.TB, deadlines port.Deadlines, count int) []string {
	t.Helper()
	var ids []string
	handleDue(t, deadlines, func(d port.Deadline) (bool, error) {
		if now := time.Now(); now.Before(d.At) {
			t.Errorf("%s is handed over %s before its time", d.ID, d.At.Sub(now))
		}
		if !slices.Contains(ids, d.ID) {
			ids = append(ids, d.ID)
		}
		return len(ids) < count, nil
	})
	return ids
}

func wantIDs(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, not %v", what, got, want)
	}
}

// A process may set a deadline in a year beyond the range of nanoseconds, meaning never.
func deadlineFarAway(t *testing.T, deadlines port.Deadlines) {
	for _, year := range []int{2263, 3000, 9000} {
		d := deadline(fmt.Sprint("i", year), "d", fmt.Sprint("year-", year), 0)
		d.At = time.Date(year, 1, 2, 3, 4, 5, 0, time.UTC)
		setDeadline(t, deadlines, d)
	}
	setDeadline(t, deadlines, deadline("soon", "d", "soon", time.Second))
	wantIDs(t, "fired", dueIDs(t, deadlines, 1), "soon")
	wantIDs(t, "pending", pendingIDs(t, deadlines, port.DeadlineQuery{}), "year-2263", "year-3000", "year-9000")
}

func deadlinesFire(t *testing.T, deadlines port.Deadlines) {
	var want []port.Deadline
	for i := range 20 {
		d := deadline(fmt.Sprint("i", i%7), fmt.Sprint("n", i), fmt.Sprint("id-", i), time.Duration(i)*50*time.Millisecond)
		want = append(want, d)
		setDeadline(t, deadlines, d)
	}
	var got []port.Deadline
	handleDue(t, deadlines, func(d port.Deadline) (bool, error) {
		if now := time.Now(); now.Before(d.At) {
			t.Errorf("%s is handed over %s before its time", d.ID, d.At.Sub(now))
		}
		if !slices.Contains(got, d) {
			got = append(got, d)
		}
		return len(got) < len(want), nil
	})
	slices.SortFunc(got, port.CompareDeadlines)
	if !slices.Equal(got, want) {
		t.Errorf("handed over:\n%v, not\n%v", got, want)
	}
	wantIDs(t, "pending after all have fired", pendingIDs(t, deadlines, port.DeadlineQuery{}))
}

func deadlinePast(t *testing.T, deadlines port.Deadlines) {
	setDeadline(t, deadlines, deadline("a", "past", "p", -48*time.Hour))
	setDeadline(t, deadlines, deadline("a", "later", "l", time.Hour))
	wantIDs(t, "due", dueIDs(t, deadlines, 1), "p")
	wantIDs(t, "pending", pendingIDs(t, deadlines, port.DeadlineQuery{}), "l")
}

func deadlineReplaced(t *testing.T, deadlines port.Deadlines) {
	setDeadline(t, deadlines, deadline("a", "n", "sooner-1", time.Hour))
	setDeadline(t, deadlines, deadline("a", "n", "sooner-2", 100*time.Millisecond))
	setDeadline(t, deadlines, deadline("b", "n", "later-1", 2*time.Second))
	setDeadline(t, deadlines, deadline("b", "n", "later-2", 3*time.Second))
	wantIDs(t, "due", dueIDs(t, deadlines, 2), "sooner-2", "later-2")
	wantIDs(t, "pending", pendingIDs(t, deadlines, port.DeadlineQuery{}))
}

func deadlineCancelled(t *testing.T, deadlines port.Deadlines) {
	cancelDeadline(t, deadlines, stream("a"), "never-set")
	setDeadline(t, deadlines, deadline("a", "n", "cancelled", 2*time.Second))
	setDeadline(t, deadlines, deadline("a", "m", "other-name", 2500*time.Millisecond))
	setDeadline(t, deadlines, deadline("b", "n", "other-instance", 3*time.Second))
	setDeadline(t, deadlines, deadline("c", "n", "cancelled-and", 2*time.Second))
	cancelDeadline(t, deadlines, stream("a"), "n")
	cancelDeadline(t, deadlines, stream("a"), "n")
	cancelDeadline(t, deadlines, stream("c"), "n")
	setDeadline(t, deadlines, deadline("c", "n", "set-again", 3500*time.Millisecond))
	wantIDs(t, "due", dueIDs(t, deadlines, 3), "other-name", "other-instance", "set-again")
}

func deadlinesPending(t *testing.T, deadlines port.Deadlines) {
	wantIDs(t, "pending at first", pendingIDs(t, deadlines, port.DeadlineQuery{}))
	first := deadline("a", "x", "a-x", time.Hour)
	setDeadline(t, deadlines, deadline("b", "x", "b-x", 2*time.Hour))
	setDeadline(t, deadlines, first)
	setDeadline(t, deadlines, deadline("a", "y", "a-y", 3*time.Hour))
	other := deadline("a", "x", "other", 90*time.Minute)
	other.Of.Category = "process-other"
	setDeadline(t, deadlines, other)
	wantIDs(t, "all", pendingIDs(t, deadlines, port.DeadlineQuery{}), "a-x", "other", "b-x", "a-y")
	wantIDs(t, "of an instance", pendingIDs(t, deadlines, port.DeadlineQuery{Category: "thing", ID: "a"}), "a-x", "a-y")
	wantIDs(t, "of a category", pendingIDs(t, deadlines, port.DeadlineQuery{Category: "process-other"}), "other")
	wantIDs(t, "of an id", pendingIDs(t, deadlines, port.DeadlineQuery{ID: "b"}), "b-x")
	wantIDs(t, "of a category without any", pendingIDs(t, deadlines, port.DeadlineQuery{Category: "thin"}))
	wantIDs(t, "the soonest", pendingIDs(t, deadlines, port.DeadlineQuery{Limit: 2}), "a-x", "other")
	if pending, err := deadlines.PendingDeadlines(t.Context(), port.DeadlineQuery{Limit: 1}); err != nil || len(pending) != 1 || pending[0] != first {
		t.Errorf("pending: %v, %v, not %v", pending, err, first)
	}
}

func deadlinesRefused(t *testing.T, deadlines port.Deadlines) {
	good := deadline("a", "n", "id", time.Hour)
	for what, spoil := range map[string]func(*port.Deadline){
		"no instance":  func(d *port.Deadline) { d.Of = core.Stream{} },
		"a wildcard":   func(d *port.Deadline) { d.Of.ID = "*" },
		"no name":      func(d *port.Deadline) { d.Name = "" },
		"a dot":        func(d *port.Deadline) { d.Name = "a.b" },
		"no id":        func(d *port.Deadline) { d.ID = "" },
		"a line break": func(d *port.Deadline) { d.ID = "a\r\nNats-Schedule: @every 1s" },
		"no time":      func(d *port.Deadline) { d.At = time.Time{} },
		"year 10000":   func(d *port.Deadline) { d.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		bad := good
		spoil(&bad)
		wantErr(t, what, deadlines.SetDeadline(t.Context(), bad), core.ErrBadToken)
	}
	wantErr(t, "cancel", deadlines.CancelDeadline(t.Context(), stream("a"), ">"), core.ErrBadToken)
	ended, end := context.WithCancel(t.Context())
	end()
	wantErr(t, "set after the end", deadlines.SetDeadline(ended, good), port.ErrUnavailable)
	wantErr(t, "cancel after the end", deadlines.CancelDeadline(ended, good.Of, good.Name), port.ErrUnavailable)
	_, err := deadlines.PendingDeadlines(ended, port.DeadlineQuery{})
	wantErr(t, "pending after the end", err, port.ErrUnavailable)
	done := func(context.Context, port.Deadline) error { return nil }
	if err := deadlines.Due(ended, dueSubscription, done); err != nil {
		t.Errorf("Due after the end: %v", err)
	}
	if err := deadlines.Due(t.Context(), port.Subscription{Group: "a.b"}, done); err == nil {
		t.Error("Due takes any group")
	}
}

// Deadlines one second apart fire in order, for any resolution of the store's clock.
func deadlinesInOrder(t *testing.T, deadlines port.Deadlines) {
	for _, i := range []int{2, 0, 3, 1} {
		setDeadline(t, deadlines, deadline("a", fmt.Sprint("n", i), fmt.Sprint("id-", i), time.Duration(i)*time.Second))
	}
	wantIDs(t, "due", dueIDs(t, deadlines, 4), "id-0", "id-1", "id-2", "id-3")
}

func deadlineFails(t *testing.T, deadlines port.Deadlines) {
	setDeadline(t, deadlines, deadline("a", "first", "a-1", 0))
	setDeadline(t, deadlines, deadline("a", "second", "a-2", time.Second))
	setDeadline(t, deadlines, deadline("b", "first", "b-1", time.Second))
	var order []string
	failures := 0
	handleDue(t, deadlines, func(d port.Deadline) (bool, error) {
		if !slices.Contains(order, d.ID) {
			order = append(order, d.ID)
		}
		if d.ID == "a-1" && (failures < 4 || !slices.Contains(order, "b-1")) {
			if slices.Contains(order, "a-2") {
				t.Error("a later deadline of the instance has overtaken one that failed")
			}
			failures++
			switch failures % 3 {
			case 0:
				return true, port.RetryAfter(20*time.Millisecond, errors.New("not yet"))
			case 1:
				panic("not yet")
			}
			return true, errors.New("not yet")
		}
		return !slices.Contains(order, "a-2") || !slices.Contains(order, "b-1"), nil
	})
	if failures < 4 {
		t.Errorf("the first one was tried %d times", failures)
	}
}

func deadlinesShared(t *testing.T, deadlines port.Deadlines) {
	const workers, instances, each = 3, 20, 5
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	var mu sync.Mutex
	handled, busy := map[string]int{}, map[core.Stream]bool{}
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			err := deadlines.Due(ctx, dueSubscription, func(_ context.Context, d port.Deadline) error {
				mu.Lock()
				if busy[d.Of] {
					t.Errorf("two deadlines of %s are handled concurrently", d.Of)
				}
				busy[d.Of] = true
				mu.Unlock()
				time.Sleep(time.Millisecond) // so that concurrent calls would overlap
				mu.Lock()
				defer mu.Unlock()
				busy[d.Of] = false
				if handled[d.ID]++; len(handled) == instances*each {
					stop()
				}
				return nil
			})
			if err != nil {
				t.Errorf("Due: %v", err)
			}
		})
	}
	for i := range instances * each {
		setDeadline(t, deadlines, deadline(fmt.Sprint("i", i%instances), fmt.Sprint("n", i), fmt.Sprint("id-", i), 0))
	}
	running.Wait()
	if len(handled) != instances*each {
		t.Errorf("%d of %d deadlines were handled", len(handled), instances*each)
	}
	for id, times := range handled {
		if times != 1 {
			t.Errorf("%s was handled %d times", id, times)
		}
	}
}

func deadlinesDrain(t *testing.T, deadlines port.Deadlines) {
	setDeadline(t, deadlines, deadline("a", "n", "id", 0))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	started, finished := make(chan struct{}), false
	ended := make(chan error, 1)
	release := make(chan struct{})
	go func() {
		ended <- deadlines.Due(ctx, dueSubscription, func(ctx context.Context, _ port.Deadline) error {
			close(started)
			<-release
			finished = true
			return ctx.Err()
		})
	}()
	select {
	case <-started:
	case <-time.After(patience):
		t.Fatal("the deadline is not handed over")
	}
	stop()
	select {
	case err := <-ended:
		t.Fatalf("Due has not waited for the handler, and ended with %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if err := <-ended; err != nil || !finished {
		t.Errorf("Due ended with %v", err)
	}
	// A handler that returns nil after the end of the context has handled the deadline: another one follows.
	setDeadline(t, deadlines, deadline("a", "m", "next", 0))
	wantIDs(t, "due", dueIDs(t, deadlines, 1), "next")
}
