package command_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
)

func TestACommandBecomesACommit(t *testing.T) {
	t.Parallel()
	log := memory.NewLog(4)
	x := runtimetest.NewExecutor(t, log, nil, command.Config{})
	result, err := x.Execute(t.Context(), runtimetest.AddCommand("a", "c1", 5))
	if err != nil {
		t.Fatal(err)
	}
	last, err := log.Last(t.Context(), runtimetest.CounterStream("a"))
	if err != nil {
		t.Fatal(err)
	}
	if result.Version != 1 || result.Position != last.Position || result.CommandID != "c1" || fmt.Sprint(result.Events) != "[Added]" || result.Repeated {
		t.Errorf("result is %+v, the log holds %+v", result, last)
	}
	if last.Command.ID != "c1" || last.CorrelationID != "c1" || last.CausationID != "c1" || last.Command.Hash == "" {
		t.Errorf("the commit does not name its command: %+v", last)
	}
}

func TestARepeatedCommandGetsItsFirstResult(t *testing.T) {
	t.Parallel()
	log := memory.NewLog(4)
	first, err := runtimetest.NewExecutor(t, log, nil, command.Config{}).Execute(t.Context(), runtimetest.AddCommand("a", "c1", 5))
	if err != nil {
		t.Fatal(err)
	}
	x := runtimetest.NewExecutor(t, log, nil, command.Config{}) // as after a restart
	runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", "c2", 1))
	again, err := x.Execute(t.Context(), runtimetest.AddCommand("a", "c1", 5))
	if err != nil {
		t.Fatal(err)
	}
	if !again.Repeated || again.Version != first.Version || again.Position != first.Position || fmt.Sprint(again.Events) != fmt.Sprint(first.Events) {
		t.Errorf("got %+v, first it was %+v", again, first)
	}
	expected := core.Version(0)
	withMatch := runtimetest.AddCommand("a", "c1", 5)
	withMatch.IfMatch = &expected
	if again, err = x.Execute(t.Context(), withMatch); err != nil || !again.Repeated {
		t.Errorf("a repeated command with If-Match got %+v, %v", again, err)
	}
	if _, err = x.Execute(t.Context(), runtimetest.AddCommand("a", "c1", 6)); !errors.Is(err, runtime.ErrCommandReused) {
		t.Errorf("the id with another body got %v", err)
	}
	if got := total(t, log, "a"); got != 6 {
		t.Errorf("total is %d, not 6", got)
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	x := runtimetest.NewExecutor(t, memory.NewLog(4), nil, command.Config{})
	runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", "c0", 1))
	two := core.Version(2)
	cases := map[string]struct {
		change func(*runtime.Command)
		is     func(error) bool
	}{
		"unknown category": {func(c *runtime.Command) { c.Stream.Category = "nothing" }, isErr(runtime.ErrUnknown)},
		"unknown command":  {func(c *runtime.Command) { c.Name = "nothing" }, isErr(runtime.ErrUnknown)},
		"bad id":           {func(c *runtime.Command) { c.Stream.ID = "a.b" }, isErr(core.ErrBadToken)},
		"bad command id":   {func(c *runtime.Command) { c.ID = "a\r\nb" }, isErr(core.ErrBadToken)},
		"bad body":         {func(c *runtime.Command) { c.Body = []byte(`{"N":`) }, isErr(core.ErrBadPayload)},
		"unknown field":    {func(c *runtime.Command) { c.Body = []byte(`{"N":1,"M":2}`) }, isErr(core.ErrBadPayload)},
		"other version":    {func(c *runtime.Command) { c.IfMatch = &two }, isType[*runtime.PreconditionError]},
		"the domain's no":  {func(c *runtime.Command) { c.Body = []byte(`{"N":-2}`) }, isType[*core.Rejection]},
		"a panic":          {func(c *runtime.Command) { c.Name, c.Body = "stumble", []byte(`{}`) }, func(err error) bool { return err != nil }},
	}
	for name, test := range cases {
		c := runtimetest.AddCommand("a", "c1", 1)
		test.change(&c)
		if _, err := x.Execute(t.Context(), c); !test.is(err) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if result := runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", "c1", 1)); result.Version != 2 {
		t.Errorf("after what was refused, the next version is %d, not 2", result.Version)
	}
}

// Whoever resolves a command has checked its ids: the executor does not check them again. It checks those of others.
func TestIdsAreCheckedOnce(t *testing.T) {
	t.Parallel()
	x := runtimetest.NewExecutor(t, memory.NewLog(4), nil, command.Config{})
	refused := runtimetest.AddCommand("a", "no id", -1) // by the domain, before an append, which checks ids as every port does
	if _, err := x.Execute(t.Context(), refused); !errors.Is(err, core.ErrBadToken) {
		t.Errorf("a command that is not resolved got %v", err)
	}
	resolved := runtimetest.AddCommand("a", "c1", -1)
	if err := resolved.Resolve(runtimetest.CounterRegistry(t)); err != nil {
		t.Fatal(err)
	}
	resolved.ID = refused.ID
	if _, err := x.Execute(t.Context(), resolved); !isType[*core.Rejection](err) {
		t.Errorf("a resolved command got %v, want the domain's rejection", err)
	}
}

func TestACommandMayChangeNothing(t *testing.T) {
	t.Parallel()
	x := runtimetest.NewExecutor(t, memory.NewLog(4), nil, command.Config{})
	before := runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", "c1", 1))
	result := runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", "c2", 0))
	if result.Version != 1 || result.Position != before.Position || len(result.Events) != 0 || result.Events == nil {
		t.Errorf("got %+v", result)
	}
}

// Two executors share a log. Each makes the cache of the other stale.
func TestExecutorsRaceOnOneLog(t *testing.T) {
	t.Parallel()
	const executors, clients, commands = 2, 8, 50
	log := memory.NewLog(4)
	var workers sync.WaitGroup
	for e := range executors {
		x := runtimetest.NewExecutor(t, log, nil, command.Config{MaxConflicts: 1000})
		for c := range clients {
			workers.Go(func() {
				for n := range commands {
					runtimetest.MustExecute(t, x, runtimetest.AddCommand("hot", fmt.Sprintf("%d-%d-%d", e, c, n), 1))
				}
			})
		}
	}
	workers.Wait()
	if got := total(t, log, "hot"); got != executors*clients*commands {
		t.Errorf("total is %d, not %d", got, executors*clients*commands)
	}
}

// Both get the same command id concurrently: it must take effect once, and both get the same answer.
func TestExecutorsRaceWithOneCommand(t *testing.T) {
	t.Parallel()
	log := memory.NewLog(4)
	a, b := runtimetest.NewExecutor(t, log, nil, command.Config{}), runtimetest.NewExecutor(t, log, nil, command.Config{})
	for n := range 200 {
		id := fmt.Sprintf("c%d", n)
		var race sync.WaitGroup
		results := [2]runtime.Result{}
		for i, x := range []*command.Executor{a, b} {
			race.Go(func() { results[i] = runtimetest.MustExecute(t, x, runtimetest.AddCommand("one", id, 1)) })
		}
		race.Wait()
		if results[0].Version != results[1].Version || results[0].Position != results[1].Position {
			t.Fatalf("%s: one got %+v, the other %+v", id, results[0], results[1])
		}
	}
	if got := total(t, log, "one"); got != 200 {
		t.Errorf("total is %d, not 200", got)
	}
}

// A cached state may be stale; a rejection must not depend on it.
func TestARejectionIsNeverStale(t *testing.T) {
	t.Parallel()
	log := memory.NewLog(4)
	a, b := runtimetest.NewExecutor(t, log, nil, command.Config{}), runtimetest.NewExecutor(t, log, nil, command.Config{})
	runtimetest.MustExecute(t, a, runtimetest.AddCommand("a", "c1", 1))
	runtimetest.MustExecute(t, b, runtimetest.AddCommand("a", "c2", 10)) // a doesn't see it happen
	result := runtimetest.MustExecute(t, a, runtimetest.AddCommand("a", "c3", -5))
	if result.Version != 3 {
		t.Errorf("got %+v", result)
	}
}

// lossy appends, and then reports that the result is unknown.
type lossy struct {
	*memory.Log
	lose atomic.Bool
}

func (l *lossy) Append(ctx context.Context, expected core.Revision, c core.Commit) (core.Revision, error) {
	revision, err := l.Log.Append(ctx, expected, c)
	if l.lose.CompareAndSwap(true, false) {
		return core.Revision{}, port.ErrUnavailable
	}
	return revision, err
}

func TestAnUnknownResultOfAnAppendIsResolvedByTryingAgain(t *testing.T) {
	t.Parallel()
	log := &lossy{Log: memory.NewLog(4)}
	x := runtimetest.NewExecutor(t, log, nil, command.Config{})
	runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", "c1", 1))
	log.lose.Store(true)
	if _, err := x.Execute(t.Context(), runtimetest.AddCommand("a", "c2", 1)); !errors.Is(err, port.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	again := runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", "c2", 1))
	if again.Version != 2 || total(t, log.Log, "a") != 2 {
		t.Errorf("got %+v, total %d", again, total(t, log.Log, "a"))
	}
}

func TestOneAggregateIsNoBottomlessQueue(t *testing.T) {
	t.Parallel()
	log := &blocked{Log: memory.NewLog(1), entered: make(chan struct{}), open: make(chan struct{})}
	x := runtimetest.NewExecutor(t, log, nil, command.Config{MaxWaiting: 1})
	var first sync.WaitGroup
	first.Go(func() { runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", "c1", 1)) })
	<-log.entered
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var second sync.WaitGroup
	second.Go(func() {
		_, err := x.Execute(ctx, runtimetest.AddCommand("a", "c2", 1))
		for errors.Is(err, runtime.ErrOverloaded) { // the third command had the only slot of the queue at that moment
			_, err = x.Execute(ctx, runtimetest.AddCommand("a", "c2", 1))
		}
		if !errors.Is(err, port.ErrUnavailable) {
			t.Errorf("a command whose client left while it waited got %v", err)
		}
	})
	for {
		short, stop := context.WithCancel(t.Context())
		stop()
		_, err := x.Execute(short, runtimetest.AddCommand("a", "c3", 1))
		if errors.Is(err, runtime.ErrOverloaded) {
			break // the second one waits now
		}
	}
	cancel()
	second.Wait()
	close(log.open)
	first.Wait()
	if got := runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", "c4", 1)); got.Version != 2 {
		t.Errorf("got %+v", got)
	}
}

// blocked holds its first append back.
type blocked struct {
	*memory.Log
	once    sync.Once
	entered chan struct{}
	open    chan struct{}
}

func (b *blocked) Append(ctx context.Context, expected core.Revision, c core.Commit) (core.Revision, error) {
	b.once.Do(func() { close(b.entered); <-b.open })
	return b.Log.Append(ctx, expected, c)
}

func isErr(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func isType[E error](err error) bool {
	var target E
	return errors.As(err, &target)
}

// total folds the stream from the log alone.
func total(t testing.TB, log port.Reader, id string) int {
	t.Helper()
	a, _ := runtimetest.CounterRegistry(t).Aggregate("counter")
	state, err := a.Initial, error(nil)
	for c, errRead := range port.Read(t.Context(), log, runtimetest.CounterStream(id), 0) {
		if errRead != nil {
			t.Fatal(errRead)
		}
		if state, err = a.Fold(state, &c, 0); err != nil {
			t.Fatal(err)
		}
	}
	return state.(runtimetest.Counter).Total
}
