package process_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
	"github.com/orchestrix-go/orchestrix/shared/runtime/process"
)

func TestProcessesMoveAndCompensate(t *testing.T) {
	t.Parallel()
	onProcessStacks(t, func(t *testing.T, s *processStack) {
		s.runner(t, "one")
		s.execute(t, "purse", "a", "give", give{100})
		s.execute(t, "purse", "b", "give", give{full})
		s.begin(t, "works", "a", "c", 40)
		s.begin(t, "full", "a", "b", 7)
		s.begin(t, "empty", "c", "b", 500)
		s.begin(t, "waits", "", "", 0)
		s.awaitStatus(t, "works", processes.StatusCompleted)
		s.awaitStatus(t, "full", processes.StatusFailed)
		s.awaitStatus(t, "empty", processes.StatusFailed)
		s.awaitStatus(t, "waits", processes.StatusCompleted)
		if a, b, c := s.total(t, "a"), s.total(t, "b"), s.total(t, "c"); a != 60 || b != full || c != 40 {
			t.Errorf("a has %d, b %d, c %d", a, b, c)
		}
		for _, id := range []string{"works", "waits"} {
			for c, err := range port.Read(t.Context(), s.Log, moveStream(id), 0) {
				if err != nil || c.CorrelationID != "begin-"+id || c.CausationID == c.Command.ID {
					t.Errorf("%s version %d is correlated with %q and caused by %q: %v", id, c.Version, c.CorrelationID, c.CausationID, err)
				}
			}
		}
		for c, err := range port.Read(t.Context(), s.Log, core.Stream{Tenant: core.DefaultTenant, Category: "purse", ID: "c"}, 0) {
			if want := (core.Origin{Sender: port.ProcessSender, Via: "process-move/works"}); err != nil || c.Version == 1 && c.Origin != want {
				t.Errorf("version %d of c comes from %+v, not %+v: %v", c.Version, c.Origin, want, err)
			}
		}
		if p := s.instance(t, "full"); p.Reason != "full" {
			t.Errorf("it failed for %q", p.Reason)
		}
		runtimetest.Eventually(t, "no deadline is left", func() error {
			pending, err := s.deadlines.PendingDeadlines(t.Context(), port.DeadlineQuery{})
			if len(pending) > 0 {
				return fmt.Errorf("%v", pending)
			}
			return err
		})
		s.verify(t)
	})
}

// An instance that panics is parked until an operator acts, and its later triggers queue. Other instances continue.
func TestAParkedInstance(t *testing.T) {
	t.Parallel()
	onProcessStacks(t, func(t *testing.T, s *processStack) {
		r, _ := s.runner(t, "one")
		s.execute(t, "purse", "a", "give", give{100})
		s.begin(t, "bad", "a", "b", 13)
		s.begin(t, "good", "a", "b", 14)
		s.awaitStatus(t, "good", processes.StatusCompleted)
		s.awaitStatus(t, "bad", processes.StatusParked)
		by := core.Action{Who: "ada", At: time.Now()}
		if err := r.Retry(t.Context(), moveStream("bad"), "retry-1", by); err != nil {
			t.Error(err)
		}
		if p := s.instance(t, "bad"); p.Status != processes.StatusParked || p.Error == "" {
			t.Errorf("it is %+v", p)
		}
		if err := r.Cancel(t.Context(), moveStream("bad"), "cancel-1", by); err != nil {
			t.Error(err)
		}
		s.awaitStatus(t, "bad", processes.StatusCancelled)
		var rejection *core.Rejection
		if err := r.Cancel(t.Context(), moveStream("bad"), "cancel-2", by); !errors.As(err, &rejection) || rejection.Code != "ended" {
			t.Errorf("cancelled again: %v", err)
		}
		if err := r.Retry(t.Context(), moveStream("good"), "retry-2", by); !errors.As(err, &rejection) || rejection.Code != "not-parked" {
			t.Errorf("retried while it is not parked: %v", err)
		}
		if _, err := r.Instance(t.Context(), moveStream("unknown")); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("no instance: %v", err)
		}
		s.verify(t)
	})
}

// The commands of instances are internal: the executor, through which HTTP and the bus go, does not know them.
func TestInstancesTakeNoCommandFromOutside(t *testing.T) {
	t.Parallel()
	onProcessStacks(t, func(t *testing.T, s *processStack) {
		for _, name := range []string{"react", "retry", "cancel"} {
			_, err := s.executor.Execute(t.Context(), runtime.Command{Stream: moveStream("x"), Name: name, ID: "c", Body: []byte("{}")})
			if !errors.Is(err, runtime.ErrUnknown) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A failure at any boundary between two steps does not change the result.
func TestEveryBoundaryIsCutOnce(t *testing.T) {
	t.Parallel()
	onProcessStacks(t, func(t *testing.T, s *processStack) {
		s.execute(t, "purse", "a", "give", give{full})
		s.execute(t, "purse", "b", "give", give{full})
		for i, point := range process.Points {
			cut := failOnce(point)
			_, stop := s.runner(t, point, func(c *process.Config) { c.Failpoint = cut.at })
			works, fails, waits := fmt.Sprint("works-", point), fmt.Sprint("full-", point), fmt.Sprint("waits-", point)
			s.begin(t, works, "a", fmt.Sprint("c", i), 10)
			s.begin(t, fails, "a", "b", 5)
			s.begin(t, waits, "", "", 0)
			s.awaitStatus(t, works, processes.StatusCompleted)
			s.awaitStatus(t, fails, processes.StatusFailed)
			s.awaitStatus(t, waits, processes.StatusCompleted)
			if got := s.total(t, fmt.Sprint("c", i)); got != 10 {
				t.Errorf("after %s was cut, %d have arrived", point, got)
			}
			if want, got := full-10*(i+1), s.total(t, "a"); got != want {
				t.Errorf("after %s was cut, %d are left, not %d", point, got, want)
			}
			if !cut.done() {
				t.Errorf("%s was never reached", point)
			}
			stop()
		}
		s.verify(t)
	})
}

// onceFailing fails the first time that a point is reached.
type onceFailing struct {
	mu     sync.Mutex
	point  string
	failed bool
}

func failOnce(point string) *onceFailing { return &onceFailing{point: point} }

var errCut = errors.New("cut off on purpose")

func (f *onceFailing) at(point string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if point != f.point || f.failed {
		return nil
	}
	f.failed = true
	return errCut
}

func (f *onceFailing) done() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// A runner halts if the log is not the one of its checkpoints. After a rebuild it follows the new log.
func TestProcessesBeginAgainOnAnotherLog(t *testing.T) {
	t.Parallel()
	views := memory.NewViews()
	first := newProcessStack(t, runtimetest.Stack{Log: memory.NewLog(4), Views: views}, memory.NewBus(), memory.NewDeadlines(), memory.NewKeyValue())
	_, stop := first.runner(t, "one")
	first.execute(t, "purse", "a", "give", give{N: 10})
	first.begin(t, "m1", "a", "b", 3)
	first.awaitStatus(t, "m1", processes.StatusCompleted)
	stop()

	second := newProcessStack(t, runtimetest.Stack{Log: memory.NewLog(4), Views: views}, memory.NewBus(), memory.NewDeadlines(), memory.NewKeyValue())
	second.execute(t, "purse", "a", "give", give{N: 10})
	second.begin(t, "m1", "a", "b", 4)
	r, _ := second.runner(t, "two")
	runtimetest.Eventually(t, "the runner halts", func() error {
		for _, p := range r.Status() {
			if p.State == follower.Halted {
				return nil
			}
		}
		return fmt.Errorf("it is %+v", r.Status())
	})
	if _, err := views.Rebuild(t.Context(), process.CheckpointView().ViewSpec, false, core.Action{Who: "ada", Did: "rebuild"}); err != nil {
		t.Fatal(err)
	}
	second.awaitStatus(t, "m1", processes.StatusCompleted)
	if got := second.total(t, "b"); got != 4 {
		t.Errorf("b has %d, not 4", got)
	}
}
