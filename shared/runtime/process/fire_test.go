package process_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"
)

func isNotPending(err error) bool {
	var rejection *core.Rejection
	return errors.As(err, &rejection) && rejection.Code == "deadline-not-pending"
}

// An operator's early deadline is reacted to once, with who and why, and is not pending any more.
func TestADeadlineIsFired(t *testing.T) {
	t.Parallel()
	onProcessStacks(t, func(t *testing.T, s *processStack) {
		r, _ := s.runner(t, "one")
		s.begin(t, "waits", "", "", -1) // an hour
		s.awaitStatus(t, "waits", processes.StatusRunning)
		runtimetest.Eventually(t, "the deadline is set", func() error { return s.pendingDeadlines(t, 1) })
		by := core.Action{Who: "ada", Reason: "to see it", At: time.Now()}
		if err := r.Fire(t.Context(), moveStream("waits"), "other", by); !isNotPending(err) || !strings.Contains(err.Error(), "there are: wait") {
			t.Errorf("another name: %v", err)
		}
		var fired, refused int
		var mu sync.Mutex
		var firing sync.WaitGroup
		for range 4 {
			firing.Go(func() {
				err := r.Fire(t.Context(), moveStream("waits"), "wait", by)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					fired++
				case isNotPending(err):
					refused++
				default:
					t.Errorf("Fire: %v", err)
				}
			})
		}
		firing.Wait()
		if fired != 1 || refused != 3 {
			t.Errorf("fired %d times, refused %d times", fired, refused)
		}
		s.awaitStatus(t, "waits", processes.StatusCompleted)
		runtimetest.Eventually(t, "no deadline is left", func() error { return s.pendingDeadlines(t, 0) })
		s.checkFired(t, "waits")
		if err := r.Fire(t.Context(), moveStream("none"), "wait", by); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("no instance: %v", err)
		}
		s.verify(t)
	})
}

// The store fires a deadline that an operator has fired before: the instance ignores it.
func TestAFiredDeadlineFiresAgain(t *testing.T) {
	t.Parallel()
	onProcessStacks(t, func(t *testing.T, s *processStack) {
		r, _ := s.runner(t, "one")
		s.begin(t, "waits", "", "", -1)
		runtimetest.Eventually(t, "the deadline is set", func() error { return s.pendingDeadlines(t, 1) })
		pending, err := s.deadlines.PendingDeadlines(t.Context(), port.DeadlineQuery{})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Fire(t.Context(), moveStream("waits"), pending[0].Name, core.Action{Who: "ada", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		again := pending[0]
		again.At = time.Now()
		if err := s.deadlines.SetDeadline(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		s.begin(t, "after", "", "", 0) // its deadline passes after that one
		s.awaitStatus(t, "after", processes.StatusCompleted)
		s.awaitStatus(t, "waits", processes.StatusCompleted)
		s.checkFired(t, "waits")
	})
}

// unavailableDeadlines is a store that is set up and then unavailable.
type unavailableDeadlines struct{ port.Deadlines }

func (unavailableDeadlines) PendingDeadlines(context.Context, port.DeadlineQuery) ([]port.Deadline, error) {
	return nil, port.ErrUnavailable
}

func (unavailableDeadlines) CancelDeadline(context.Context, core.Stream, string) error {
	return port.ErrUnavailable
}

// A deadline that the store can't fire is fired by an operator.
func TestADeadlineIsFiredWithoutTheStore(t *testing.T) {
	t.Parallel()
	s := newProcessStack(t, runtimetest.Stack{Log: memory.NewLog(4), Views: memory.NewViews()}, memory.NewBus(), memory.NewDeadlines(), memory.NewKeyValue())
	s.deadlines = unavailableDeadlines{s.deadlines}
	r, _ := s.runner(t, "one")
	s.begin(t, "waits", "", "", -1)
	s.awaitStatus(t, "waits", processes.StatusRunning)
	if err := r.Fire(t.Context(), moveStream("waits"), "wait", core.Action{Who: "ada", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	s.awaitStatus(t, "waits", processes.StatusCompleted)
}

func (s *processStack) pendingDeadlines(t *testing.T, want int) error {
	t.Helper()
	pending, err := s.deadlines.PendingDeadlines(t.Context(), port.DeadlineQuery{})
	if err == nil && len(pending) != want {
		err = fmt.Errorf("%d are pending, not %d: %v", len(pending), want, pending)
	}
	return err
}

// checkFired checks that an instance has reacted to one deadline, which ada has fired, under the correlation of its beginning.
func (s *processStack) checkFired(t *testing.T, id string) {
	t.Helper()
	reactions := 0
	for c, err := range port.Read(t.Context(), s.Log, moveStream(id), 0) {
		if err != nil {
			t.Fatal(err)
		}
		for _, recorded := range c.Events {
			event, err := s.registry.Decode(recorded)
			if err != nil {
				t.Fatal(err)
			}
			reacted, ok := event.(processes.Reacted)
			if !ok || reacted.Trigger.Deadline == nil {
				continue
			}
			reactions++
			if reacted.Trigger.Deadline.Who != "ada" || c.CorrelationID != "begin-"+id {
				t.Errorf("the reaction is correlated with %q, to %+v", c.CorrelationID, reacted.Trigger.Deadline)
			}
		}
	}
	if reactions != 1 {
		t.Errorf("it has reacted to %d deadlines", reactions)
	}
}
