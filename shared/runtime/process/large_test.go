package process_test

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

const maxCommit = 10_000 // bytes

func smallCommits() runtimetest.Stack {
	return runtimetest.Stack{Log: memory.NewLog(1, memory.MaxCommit(maxCommit)), Views: memory.NewViews()}
}

// An event that fits into a commit, but not together with the record of the reaction to it, parks its instance. The other
// instances of the partition continue.
func TestAnEventTooLargeToBeKeptParksItsInstance(t *testing.T) {
	t.Parallel()
	s := newProcessStack(t, smallCommits(), memory.NewBus(), memory.NewDeadlines(), memory.NewKeyValue())
	r, _ := s.runner(t, "one")
	s.begin(t, "large", strings.Repeat("x", maxCommit-100), "", 0)
	s.awaitStatus(t, "large", processes.StatusParked)
	s.begin(t, "next", "", "", 0)
	s.awaitStatus(t, "next", processes.StatusCompleted)
	by := core.Action{Who: "ada", At: time.Now()}
	if err := r.Retry(t.Context(), moveStream("large"), "retry-1", by); err != nil {
		t.Error(err)
	}
	if p := s.instance(t, "large"); p.Status != processes.StatusParked || !strings.Contains(p.Error, "too large") {
		t.Errorf("retried, it is %+v", p)
	}
	if err := r.Cancel(t.Context(), moveStream("large"), "cancel-1", by); err != nil {
		t.Error(err)
	}
	s.awaitStatus(t, "large", processes.StatusCancelled)
	s.verify(t)
}

// The same holds for an event whose instance can't be found.
func TestAnEventTooLargeToBeKeptIsLostAlone(t *testing.T) {
	t.Parallel()
	module := moveModule()
	module.Processes = []es.ProcessDef{es.Process[bool]{
		Name: "astray",
		On: es.Reactions[bool]{es.Start(
			func(e begun, _ core.Meta) string { return cmp.Or(e.To, "no token") },
			func(bool, begun, core.Meta) (bool, []processes.Effect) {
				return true, []processes.Effect{es.Complete()}
			},
		)},
	}}
	s := &processStack{Stack: smallCommits(), bus: memory.NewBus(), deadlines: memory.NewDeadlines(), registry: runtimetest.NewRegistry(t, module)}
	s.executor = s.newExecutor(t)
	s.runner(t, "one")
	s.begin(t, "large", strings.Repeat("x", maxCommit-100), "", 0)
	parked := make(chan struct{})
	background(t, func(ctx context.Context) error {
		return s.Log.Follow(ctx, core.Position{}, 1, func(_ context.Context, b port.Batch) error {
			if b.Commits[0].Events[0].Kind() == "Parked" {
				close(parked)
			}
			return nil
		})
	})
	select {
	case <-parked:
	case <-time.After(time.Minute):
		t.Fatal("nothing is parked")
	}
	s.begin(t, "next", "", "found", 0)
	runtimetest.Eventually(t, "the next event", func() error {
		_, err := s.Log.Last(t.Context(), core.Stream{Tenant: core.DefaultTenant, Category: "process-astray", ID: "found"})
		return err
	})
}

// The trace of a command is passed on to all that the command causes, and the longest allowed one fits there.
func TestALongTraceParksNoInstance(t *testing.T) {
	t.Parallel()
	s := newProcessStack(t, runtimetest.Stack{Log: memory.NewLog(1), Views: memory.NewViews()}, memory.NewBus(), memory.NewDeadlines(), memory.NewKeyValue())
	s.runner(t, "one")
	s.execute(t, "purse", "a", "give", give{100})
	var state []string
	for n := range 32 { // the allowed maximum in number and length
		state = append(state, fmt.Sprintf("vendor%d=%s", n, strings.Repeat("x", 256)))
	}
	_, err := s.executor.Execute(t.Context(), runtime.Command{
		Stream: core.Stream{Tenant: core.DefaultTenant, Category: "move", ID: "m"}, Name: "begin", ID: "c", Body: []byte(`{"From":"a","To":"b","N":1}`),
		Trace: core.Trace{Parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", State: strings.Join(state, ",")},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.awaitStatus(t, "m", processes.StatusCompleted)
}

// The triggers that wait for an instance may not fit into one commit together: a retry takes them in smaller batches.
func TestARetryContinuesInSmallerSteps(t *testing.T) {
	t.Parallel()
	type wordy struct{ Text string }
	var mended atomic.Bool
	module := moveModule()
	module.Processes = []es.ProcessDef{es.Process[wordy]{
		Name: "wordy",
		On: es.Reactions[wordy]{
			es.Start(es.StreamID, func(_ wordy, _ begun, _ core.Meta) (wordy, []processes.Effect) {
				if !mended.Load() {
					panic("broken")
				}
				return wordy{strings.Repeat("x", maxCommit/3)}, nil
			}),
			es.When(func(given, core.Meta) string { return "m" }, func(w wordy, _ given, _ core.Meta) (wordy, []processes.Effect) { return w, nil }),
		},
	}}
	s := &processStack{Stack: smallCommits(), bus: memory.NewBus(), deadlines: memory.NewDeadlines(), registry: runtimetest.NewRegistry(t, module)}
	s.executor = s.newExecutor(t)
	r, _ := s.runner(t, "one")
	instance := core.Stream{Tenant: core.DefaultTenant, Category: "process-wordy", ID: "m"}
	s.begin(t, "m", "", "", 0)
	const waiting = 7
	for n := range waiting {
		s.execute(t, "purse", fmt.Sprint(n), "give", give{1})
	}
	current := func() processes.Instance { p, _ := s.state(t, instance).(processes.Instance); return p }
	runtimetest.Eventually(t, "all wait", func() error {
		if p := current(); len(p.Inbox) != 1+waiting {
			return fmt.Errorf("%d wait", len(p.Inbox))
		}
		return nil
	})
	mended.Store(true)
	if err := r.Retry(t.Context(), instance, "retry", core.Action{Who: "ada", At: time.Now()}); err != nil {
		t.Error(err)
	}
	if p := current(); p.Status != processes.StatusRunning || len(p.Inbox) > 0 || len(p.Sources) != 1+waiting {
		t.Errorf("it is %s, %s; %d wait", p.Status, p.Error, len(p.Inbox))
	}
}
