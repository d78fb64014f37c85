package process_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
	"github.com/orchestrix-go/orchestrix/shared/runtime/process"
)

// manyMoves begins moves of 1 from purse a to b and waits until all are completed.
func (s *processStack) manyMoves(t *testing.T, prefix string, n int, during func()) {
	t.Helper()
	var beginning sync.WaitGroup
	for i := range n {
		beginning.Go(func() { s.begin(t, fmt.Sprint(prefix, i), "a", "b", 1) })
	}
	if during != nil {
		during()
	}
	beginning.Wait()
	for i := range n {
		s.awaitStatus(t, fmt.Sprint(prefix, i), processes.StatusCompleted)
	}
}

// Two runners share the partitions. When one stops, the other takes over, and every move happens once.
func TestProcessRunnersShare(t *testing.T) {
	t.Parallel()
	onProcessStacks(t, func(t *testing.T, s *processStack) {
		s.execute(t, "purse", "a", "give", give{100})
		_, stopFirst := s.runner(t, "one")
		second, _ := s.runner(t, "two")
		shares := func(want int) func() error {
			return func() error {
				mine := 0
				for _, p := range second.Status() {
					if p.State == follower.Following {
						mine++
					}
				}
				if mine != want {
					return fmt.Errorf("the second has %d partitions, not %d", mine, want)
				}
				return nil
			}
		}
		runtimetest.Eventually(t, "half of the partitions", shares(2))
		s.manyMoves(t, "x", 20, nil)
		s.manyMoves(t, "y", 20, stopFirst)
		runtimetest.Eventually(t, "all partitions", shares(4))
		if a, b := s.total(t, "a"), s.total(t, "b"); a != 60 || b != 40 {
			t.Errorf("a has %d, b %d", a, b)
		}
		s.verify(t)
	})
}

// A runner that is paused in the middle of its work, and resumes after another has taken over, changes nothing. It still
// receives messages of the bus: the bus redelivers those that a paused worker does not acknowledge.
func TestPausedProcessRunner(t *testing.T) {
	t.Parallel()
	onProcessStacks(t, func(t *testing.T, s *processStack) {
		s.execute(t, "purse", "a", "give", give{100})
		var paused atomic.Bool
		asleep, wake := make(chan struct{}), make(chan struct{})
		frozen := &frozenViews{ViewStore: s.Views, paused: &paused, wake: wake}
		config := process.Config{Owner: "one", LeaseTTL: runtimetest.ShortTTL, Logger: quietLogger(), Failpoint: func(point string) error {
			if point == process.PointDispatch && paused.CompareAndSwap(false, true) {
				close(asleep)
				<-wake
			}
			return nil
		}}
		first := process.NewRunner(s.registry, s.Log, s.newExecutor(t), frozen, s.bus, s.deadlines, config)
		stop := background(t, first.Run)
		s.begin(t, "first", "a", "b", 1)
		<-asleep
		s.runner(t, "two")
		s.awaitStatus(t, "first", processes.StatusCompleted)
		close(wake)
		s.manyMoves(t, "z", 10, nil)
		stop()
		if a, b := s.total(t, "a"), s.total(t, "b"); a != 89 || b != 11 {
			t.Errorf("a has %d, b %d", a, b)
		}
		s.verify(t)
	})
}

// frozenViews does not answer a runner that is paused.
type frozenViews struct {
	port.ViewStore
	paused *atomic.Bool
	wake   chan struct{}
}

func (f *frozenViews) Renew(ctx context.Context, leases []port.Lease, caughtUp []time.Time, ttl time.Duration) ([]port.Lease, error) {
	if f.paused.Load() {
		<-f.wake
	}
	return f.ViewStore.Renew(ctx, leases, caughtUp, ttl)
}

// Without its checkpoints a runner reads the log again and repeats no effect whose result is recorded.
func TestProcessesWithoutTheirCheckpoints(t *testing.T) {
	t.Parallel()
	onProcessStacks(t, func(t *testing.T, s *processStack) {
		s.execute(t, "purse", "a", "give", give{100})
		_, stop := s.runner(t, "one")
		s.manyMoves(t, "x", 20, nil)
		stop()
		s.Views = memory.NewViews() // another store has none
		var sent atomic.Int32
		r, _ := s.runner(t, "two", func(c *process.Config) {
			c.Failpoint = func(point string) error {
				if point == process.PointSent || point == process.PointScheduled {
					sent.Add(1)
				}
				return nil
			}
		})
		runtimetest.Eventually(t, "the log is followed again", func() error {
			for _, p := range r.Status() {
				head, err := s.Log.Head(t.Context(), p.Position.Partition)
				if err != nil || p.Position != head.Position {
					return fmt.Errorf("at %s of %s: %w", p.Position, head.Position, err)
				}
			}
			return map[bool]error{true: errors.New("nothing is known yet")}[len(r.Status()) == 0]
		})
		if n := sent.Load(); n != 0 {
			t.Errorf("%d effects were done again", n)
		}
		if a, b := s.total(t, "a"), s.total(t, "b"); a != 80 || b != 20 {
			t.Errorf("a has %d, b %d", a, b)
		}
		s.verify(t)
	})
}

// Exactly-once effects rest on derived ids: with random ids, a command is executed twice after a failure.
func TestRandomCommandIDsAreNotEnough(t *testing.T) {
	t.Parallel()
	s := newProcessStack(t, runtimetest.Stack{Log: memory.NewLog(1), Views: memory.NewViews()}, memory.NewBus(), memory.NewDeadlines(), memory.NewKeyValue())
	s.execute(t, "purse", "a", "give", give{100})
	cut := failOnce(process.PointSent)
	var n atomic.Int32
	s.runner(t, "one", func(c *process.Config) {
		c.Failpoint = cut.at
		c.CommandID = func(string) string { return fmt.Sprint("random-", n.Add(1)) }
	})
	s.begin(t, "m", "a", "b", 10)
	runtimetest.Eventually(t, "the money is taken twice", func() error {
		if a := s.total(t, "a"); a != 80 {
			return fmt.Errorf("a has %d", a)
		}
		return nil
	})
}

// A program whose state type does not fit the recorded state parks the instance, with the reason.
func TestProcessesThatChangedMeanwhile(t *testing.T) {
	t.Parallel()
	s := newProcessStack(t, runtimetest.Stack{Log: memory.NewLog(1), Views: memory.NewViews()}, memory.NewBus(), memory.NewDeadlines(), memory.NewKeyValue())
	_, stop := s.runner(t, "old")
	s.execute(t, "purse", "a", "give", give{full})
	s.begin(t, "m", "empty", "a", 7) // it fails with the result of its command
	s.awaitStatus(t, "m", processes.StatusFailed)
	stop()

	type other struct{ Renamed string }
	changed := es.Process[other]{Name: "move", On: es.Reactions[other]{
		es.Start(es.StreamID, func(o other, _ begun, _ core.Meta) (other, []processes.Effect) { return o, nil }),
		es.OnResult(func(o other, _ take, _ core.CommandResult) (other, []processes.Effect) { return o, nil }),
	}}
	module := moveModule()
	module.Processes = []es.ProcessDef{changed}
	registry := runtimetest.NewRegistry(t, module)
	p, _ := registry.ProcessOf("process-move")
	state := s.instance(t, "m")
	state.Sent = []processes.SentCommand{{ID: "c", Category: "purse", To: "a", Name: "take", Body: []byte(`{"N":1}`)}}
	react := processes.ReactCommand(p, moveStream("m"), processes.ResultTrigger(core.CommandResult{CommandID: "c", Accepted: true}), nil)
	events, err := react.Type.Decide(state, react.Payload)
	if err != nil || len(events) != 1 {
		t.Fatalf("%v, %v", events, err)
	}
	parked, ok := events[0].(processes.Parked)
	if !ok || !strings.Contains(parked.Error, "upcast") {
		t.Errorf("it came to %+v", events[0])
	}
}

func quietLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }
