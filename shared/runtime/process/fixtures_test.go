package process_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/async"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/process"
	"github.com/orchestrix-go/orchestrix/shared/runtime/verify"
)

// A move takes an amount from one purse and gives it to another. If that purse rejects it as it would be too full, the first
// one gets it back.
type (
	begin struct {
		From, To string
		N        int
	}
	begun  struct{ begin }
	take   struct{ N int }
	taken  struct{ N int }
	give   struct{ N int }
	given  struct{ N int }
	purse  struct{ Total int }
	moving struct {
		Move  begin
		Taken bool
	}
)

const full = 1000

func moveModule() es.Module {
	return es.Module{
		Name: "moving",
		Deciders: []es.DeciderDef{
			es.Decider[bool]{
				Category: "move",
				Decide: es.Commands[bool]{es.Handle("begin", func(before bool, c begin) ([]core.Event, error) {
					if before {
						return es.Reject("begun", "it has begun before")
					}
					return es.Accept(begun{c})
				})},
				Evolve: es.Events[bool]{es.Apply("Begun", func(bool, begun) bool { return true })},
			},
			es.Decider[purse]{
				Category: "purse",
				Decide: es.Commands[purse]{
					es.Handle("take", func(p purse, c take) ([]core.Event, error) {
						if p.Total < c.N {
							return es.Reject("empty", "there are %d", p.Total)
						}
						return es.Accept(taken(c))
					}),
					es.Handle("give", func(p purse, c give) ([]core.Event, error) {
						if p.Total+c.N > full {
							return es.Reject("full", "there are %d", p.Total)
						}
						return es.Accept(given(c))
					}),
				},
				Evolve: es.Events[purse]{
					es.Apply("Taken", func(p purse, e taken) purse { return purse{p.Total - e.N} }),
					es.Apply("Given", func(p purse, e given) purse { return purse{p.Total + e.N} }),
				},
			},
		},
		Processes: []es.ProcessDef{moves},
	}
}

var moves = es.Process[moving]{
	Name: "move",
	On: es.Reactions[moving]{
		es.Start(es.StreamID, func(_ moving, e begun, _ core.Meta) (moving, []processes.Effect) {
			if e.N == 13 {
				panic("thirteen")
			}
			if e.N < 0 { // it waits for long
				return moving{Move: e.begin}, []processes.Effect{es.After("wait", time.Hour)}
			}
			if e.N == 0 { // it only waits
				return moving{Move: e.begin}, []processes.Effect{es.After("wait", 10*time.Millisecond)}
			}
			return moving{Move: e.begin}, []processes.Effect{es.Send(e.From, take{e.N}), es.After("wait", time.Hour)}
		}),
		es.OnResult(func(m moving, _ take, result core.CommandResult) (moving, []processes.Effect) {
			if !result.Accepted {
				return m, []processes.Effect{es.Fail(result.Code)}
			}
			m.Taken = true
			return m, []processes.Effect{es.Cancel("wait"), es.Send(m.Move.To, give{m.Move.N}).Tagged("there"), es.After("wait", time.Hour)}
		}),
		es.OnResult(func(m moving, c give, result core.CommandResult) (moving, []processes.Effect) {
			switch {
			case result.Tag == "back":
				return m, []processes.Effect{es.Fail("full")}
			case result.Accepted:
				return m, []processes.Effect{es.Complete()}
			}
			return m, []processes.Effect{es.Compensating(result.Code), es.Send(m.Move.From, c).Tagged("back")}
		}),
		es.OnDeadline("wait", func(m moving, _ core.Meta) (moving, []processes.Effect) { return m, []processes.Effect{es.Complete()} }),
	},
}

// processStack is what processes run on.
type processStack struct {
	runtimetest.Stack
	bus       port.MessageBus
	deadlines port.Deadlines
	statuses  *async.StatusStore
	registry  *core.Registry
	executor  *command.Executor // of the command service
}

func onProcessStacks(t *testing.T, test func(t *testing.T, s *processStack)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, newProcessStack(t, runtimetest.Stack{Log: memory.NewLog(4), Views: memory.NewViews()}, memory.NewBus(), memory.NewDeadlines(), memory.NewKeyValue()))
	})
	t.Run("jetstream and postgres", func(t *testing.T) {
		t.Parallel()
		quiet := slog.New(slog.DiscardHandler)
		connection, err := jetstream.Connect(t.Context(), localtest.NATS(t).URL(), "test", quiet)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(connection.Close)
		log, err := jetstream.Open(t.Context(), connection, jetstream.Config{Partitions: 4, Replicas: 1, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		bus, err := jetstream.OpenBus(t.Context(), log, jetstream.BusConfig{})
		if err != nil {
			t.Fatal(err)
		}
		deadlines, err := jetstream.OpenDeadlines(t.Context(), bus)
		if err != nil {
			t.Fatal(err)
		}
		values, err := jetstream.OpenKeyValue(t.Context(), connection, jetstream.Config{}, "OUTCOMES")
		if err != nil {
			t.Fatal(err)
		}
		test(t, newProcessStack(t, runtimetest.Stack{Log: log, Views: postgres.NewViews(runtimetest.Database(t))}, bus, deadlines, values))
	})
}

// newProcessStack also runs a worker that executes the commands of processes.
func newProcessStack(t *testing.T, s runtimetest.Stack, bus port.MessageBus, deadlines port.Deadlines, values port.KeyValue) *processStack {
	t.Helper()
	p := &processStack{Stack: s, bus: bus, deadlines: deadlines, statuses: async.NewStatusStore(values), registry: runtimetest.NewRegistry(t, moveModule())}
	p.executor = p.newExecutor(t)
	queue := async.NewWorker(p.registry, p.executor, bus, p.statuses, async.Config{
		Decode:  (*core.CommandType).Decode,
		Explain: explainRejection, Logger: slog.New(slog.DiscardHandler),
	})
	background(t, queue.Run)
	return p
}

func explainRejection(err error) (runtime.Refusal, bool) {
	var rejection *core.Rejection
	if errors.As(err, &rejection) {
		return runtime.Refusal{Code: rejection.Code, Detail: rejection.Message}, true
	}
	return runtime.Refusal{Code: "unknown", Detail: err.Error()}, errors.Is(err, runtime.ErrUnknown)
}

func (s *processStack) newExecutor(t *testing.T) *command.Executor {
	t.Helper()
	x, err := command.NewExecutor(s.registry, s.Log, nil, command.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// background runs a function until stop is called or the test ends.
func background(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	return stop
}

// runner starts a process runner with an executor of its own.
func (s *processStack) runner(t *testing.T, owner string, change ...func(*process.Config)) (*process.Runner, func()) {
	t.Helper()
	config := process.Config{Owner: owner, LeaseTTL: runtimetest.ShortTTL, Logger: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&config)
	}
	r := process.NewRunner(s.registry, s.Log, s.newExecutor(t), s.Views, s.bus, s.deadlines, config)
	return r, background(t, r.Run)
}

func (s *processStack) execute(t *testing.T, category, id, name string, command any) {
	t.Helper()
	body, err := core.Marshal(command)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.executor.Execute(t.Context(), runtime.Command{
		Stream: core.Stream{Tenant: core.DefaultTenant, Category: category, ID: id}, Name: name, ID: fmt.Sprint(name, "-", id), Body: body,
	})
	if err != nil {
		t.Fatalf("%s of %s-%s: %v", name, category, id, err)
	}
}

func (s *processStack) begin(t *testing.T, id, from, to string, n int) {
	t.Helper()
	s.execute(t, "move", id, "begin", begin{From: from, To: to, N: n})
}

func moveStream(id string) core.Stream {
	return core.Stream{Tenant: core.DefaultTenant, Category: "process-move", ID: id}
}

// state folds a stream from the log.
func (s *processStack) state(t *testing.T, stream core.Stream) any {
	t.Helper()
	a, ok := s.registry.Aggregate(stream.Category)
	if !ok {
		t.Fatalf("no category %s", stream.Category)
	}
	state := a.Initial
	for c, err := range port.Read(t.Context(), s.Log, stream, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if state, err = a.Fold(state, &c, 0); err != nil {
			t.Fatal(err)
		}
	}
	return state
}

func (s *processStack) total(t *testing.T, id string) int {
	t.Helper()
	p, _ := s.state(t, core.Stream{Tenant: core.DefaultTenant, Category: "purse", ID: id}).(purse)
	return p.Total
}

func (s *processStack) instance(t *testing.T, id string) processes.Instance {
	t.Helper()
	p, _ := s.state(t, moveStream(id)).(processes.Instance)
	return p
}

// awaitStatus waits until an instance has a status and, if it has ended, the results of all its commands.
func (s *processStack) awaitStatus(t *testing.T, id string, status processes.Status) {
	t.Helper()
	runtimetest.Eventually(t, "instance "+id, func() error {
		p := s.instance(t, id)
		if p.Status != status || status.Ended() && len(p.Sent) > 0 {
			return fmt.Errorf("it is %q (%s%s), not %s; %d commands have no result", p.Status, p.Reason, p.Error, status, len(p.Sent))
		}
		return nil
	})
}

// verify checks the log, also for commands that were committed twice.
func (s *processStack) verify(t *testing.T) {
	t.Helper()
	v, err := verify.Run(t.Context(), s.registry, s.Log, s.Views, verify.Options{LogOnly: true})
	if err != nil || v.Count > 0 {
		t.Errorf("verify: %v, %+v", err, v.Findings)
	}
}
