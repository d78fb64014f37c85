package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"orchestrix/shared/es"
	"orchestrix/shared/jetstream"
	"orchestrix/shared/local/localtest"
	"orchestrix/shared/memory"
	"orchestrix/shared/postgres"
	"orchestrix/shared/runtime"
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
				Decide: es.Commands[bool]{es.Handle("begin", func(before bool, c begin) ([]es.Event, error) {
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
					es.Handle("take", func(p purse, c take) ([]es.Event, error) {
						if p.Total < c.N {
							return es.Reject("empty", "there are %d", p.Total)
						}
						return es.Accept(taken(c))
					}),
					es.Handle("give", func(p purse, c give) ([]es.Event, error) {
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
		es.Start(es.StreamID, func(_ moving, e begun, _ es.Meta) (moving, []es.Effect) {
			if e.N == 13 {
				panic("thirteen")
			}
			if e.N == 0 { // it only waits
				return moving{Move: e.begin}, []es.Effect{es.After("wait", 10*time.Millisecond)}
			}
			return moving{Move: e.begin}, []es.Effect{es.Send(e.From, take{e.N}), es.After("wait", time.Hour)}
		}),
		es.OnOutcome(func(m moving, _ take, o es.CommandOutcome) (moving, []es.Effect) {
			if !o.Accepted {
				return m, []es.Effect{es.Fail(o.Code)}
			}
			m.Taken = true
			return m, []es.Effect{es.Cancel("wait"), es.Send(m.Move.To, give{m.Move.N}).Tagged("there"), es.After("wait", time.Hour)}
		}),
		es.OnOutcome(func(m moving, c give, o es.CommandOutcome) (moving, []es.Effect) {
			switch {
			case o.Tag == "back":
				return m, []es.Effect{es.Fail("full")}
			case o.Accepted:
				return m, []es.Effect{es.Complete()}
			}
			return m, []es.Effect{es.Compensating(o.Code), es.Send(m.Move.From, c).Tagged("back")}
		}),
		es.OnDeadline("wait", func(m moving, _ es.Meta) (moving, []es.Effect) { return m, []es.Effect{es.Complete()} }),
	},
}

// processStack is what processes run on.
type processStack struct {
	stack
	bus       es.MessageBus
	deadlines es.Deadlines
	outcomes  *runtime.StatusStore
	registry  *es.Registry
	executor  *runtime.Executor // of the command service
}

func onProcessStacks(t *testing.T, test func(t *testing.T, s *processStack)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, newProcessStack(t, stack{memory.NewLog(4), memory.NewViews()}, memory.NewBus(), memory.NewDeadlines(), memory.NewKeyValue()))
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
		values, err := jetstream.OpenKeyValue(t.Context(), connection, "OUTCOMES", 1)
		if err != nil {
			t.Fatal(err)
		}
		test(t, newProcessStack(t, stack{log, postgres.NewViews(database(t))}, bus, deadlines, values))
	})
}

// newProcessStack also runs a worker that executes the commands of processes.
func newProcessStack(t *testing.T, s stack, bus es.MessageBus, deadlines es.Deadlines, values es.KeyValue) *processStack {
	t.Helper()
	p := &processStack{stack: s, bus: bus, deadlines: deadlines, outcomes: runtime.NewStatusStore(values), registry: registered(t, moveModule())}
	p.executor = p.newExecutor(t)
	queue := runtime.NewAsyncWorker(p.registry, p.executor, bus, p.outcomes, runtime.AsyncConfig{
		Decode:  (*es.CommandType).Decode,
		Explain: explainRejection, Logger: slog.New(slog.DiscardHandler),
	})
	background(t, queue.Run)
	return p
}

func registered(t testing.TB, modules ...es.Module) *es.Registry {
	t.Helper()
	registry, err := es.NewRegistry(modules...)
	if err != nil {
		t.Fatal(err)
	}
	return registry
}

func explainRejection(err error) (runtime.Refusal, bool) {
	var rejection *es.Rejection
	if errors.As(err, &rejection) {
		return runtime.Refusal{Code: rejection.Code, Detail: rejection.Message}, true
	}
	return runtime.Refusal{Code: "unknown", Detail: err.Error()}, errors.Is(err, runtime.ErrUnknown)
}

func (s *processStack) newExecutor(t *testing.T) *runtime.Executor {
	t.Helper()
	x, err := runtime.NewExecutor(s.registry, s.log, nil, runtime.ExecutorConfig{Logger: slog.New(slog.DiscardHandler)})
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
func (s *processStack) runner(t *testing.T, owner string, change ...func(*runtime.ProcessConfig)) (*runtime.ProcessRunner, func()) {
	t.Helper()
	config := runtime.ProcessConfig{Owner: owner, LeaseTTL: shortTTL, Logger: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&config)
	}
	r := runtime.NewProcessRunner(s.registry, s.log, s.newExecutor(t), s.views, s.bus, s.deadlines, config)
	return r, background(t, r.Run)
}

func (s *processStack) execute(t *testing.T, category, id, name string, command any) {
	t.Helper()
	body, err := es.Marshal(command)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.executor.Execute(t.Context(), runtime.Command{
		Stream: es.Stream{Tenant: es.DefaultTenant, Category: category, ID: id}, Name: name, ID: fmt.Sprint(name, "-", id), Body: body,
	})
	if err != nil {
		t.Fatalf("%s of %s-%s: %v", name, category, id, err)
	}
}

func (s *processStack) begin(t *testing.T, id, from, to string, n int) {
	t.Helper()
	s.execute(t, "move", id, "begin", begin{From: from, To: to, N: n})
}

func moveStream(id string) es.Stream {
	return es.Stream{Tenant: es.DefaultTenant, Category: "process-move", ID: id}
}

// state folds a stream from the log.
func (s *processStack) state(t *testing.T, stream es.Stream) any {
	t.Helper()
	a, ok := s.registry.Aggregate(stream.Category)
	if !ok {
		t.Fatalf("no category %s", stream.Category)
	}
	state := a.Initial
	for c, err := range es.Read(t.Context(), s.log, stream, 0) {
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
	p, _ := s.state(t, es.Stream{Tenant: es.DefaultTenant, Category: "purse", ID: id}).(purse)
	return p.Total
}

func (s *processStack) instance(t *testing.T, id string) es.ProcessInstance {
	t.Helper()
	p, _ := s.state(t, moveStream(id)).(es.ProcessInstance)
	return p
}

// awaitStatus waits until an instance has a status and, if it has ended, the results of all its commands.
func (s *processStack) awaitStatus(t *testing.T, id string, status es.ProcessStatus) {
	t.Helper()
	eventually(t, "instance "+id, func() error {
		p := s.instance(t, id)
		if p.Status != status || status.Ended() && len(p.Sent) > 0 {
			return fmt.Errorf("it is %q (%s%s), not %s; %d commands have no outcome", p.Status, p.Reason, p.Error, status, len(p.Sent))
		}
		return nil
	})
}

// verify checks the log, also for commands that were committed twice.
func (s *processStack) verify(t *testing.T) {
	t.Helper()
	v, err := runtime.Verify(t.Context(), s.registry, s.log, s.views, runtime.VerifyOptions{LogOnly: true})
	if err != nil || v.Count > 0 {
		t.Errorf("verify: %v, %+v", err, v.Findings)
	}
}
