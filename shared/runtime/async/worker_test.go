package async_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/async"
)

func TestTheStatusOfACommandIsStoredAndPublished(t *testing.T) {
	t.Parallel()
	s := newWorkerStack(t)
	good := s.asked(runtimetest.AddCommand("a", "good", 5), "_INBOX.1")
	bad := s.asked(runtimetest.AddCommand("a", "bad", -6), "_INBOX.2")
	for _, m := range []runtime.AsyncMessage{good, bad} {
		if o, err := s.submitter.Submit(t.Context(), m); err != nil || o.State != runtime.Pending || o.CommandID != m.ID || o.Stream != "counter-a" {
			t.Fatalf("submitted: %+v, %v", o, err)
		}
	}
	s.want("good", runtime.Pending, 0, "")
	s.runWorkers(s.worker(s.executor()))
	s.want("good", runtime.Accepted, 1, "")
	s.want("bad", runtime.Rejected, 0, "counter-negative")
	sent := s.published(2)
	if sent[0].CommandID != "good" || sent[0].State != runtime.Accepted || sent[0].Position == "" || !slices.Equal(sent[0].Events, []string{"Added"}) ||
		sent[1].CommandID != "bad" || sent[1].State != runtime.Rejected || sent[1].Code != "counter-negative" || string(sent[1].Problem) != `{"status":422}` {
		t.Errorf("statuses: %+v", sent)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.replies) != 2 || !strings.HasPrefix(s.replies[0], `_INBOX.1 {"command_id":"good","stream":"counter-a","status":"accepted"`) || !strings.HasPrefix(s.replies[1], "_INBOX.2 ") {
		t.Errorf("replies: %v", s.replies)
	}
	if o, err := s.submitter.Submit(t.Context(), good); err != nil || o.State != runtime.Accepted {
		t.Errorf("submitted again: %+v, %v", o, err)
	}
	if _, err := s.statuses.Status(t.Context(), core.DefaultTenant, s.asks, "unknown"); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("an unknown command: %v", err)
	}
}

func TestARejectionIsFinal(t *testing.T) {
	t.Parallel()
	s := newWorkerStack(t)
	q := s.worker(s.executor())
	no := s.asked(runtimetest.AddCommand("a", "take", -1), "")
	s.handle(q, no)
	s.handle(q, runtime.AsyncMessage{Command: runtimetest.AddCommand("a", "give", 1)})
	s.handle(q, no) // its acknowledgement was lost, and by now it would be accepted
	s.want("take", runtime.Rejected, 0, "counter-negative")
	s.wantVersion("a", 1)
	s.published(1)
}

// flakyValues fails once, before or after it has done what it is asked for.
type flakyValues struct {
	port.KeyValue
	before, after error
}

func (f *flakyValues) Update(ctx context.Context, key string, value []byte, expected uint64, ttl time.Duration) (uint64, error) {
	if err := f.before; err != nil {
		f.before = nil
		return 0, err
	}
	revision, err := f.KeyValue.Update(ctx, key, value, expected, ttl)
	if failed := f.after; failed != nil {
		f.after = nil
		return 0, failed
	}
	return revision, err
}

func TestAnInterruptedCommandContinues(t *testing.T) {
	t.Parallel()
	s := newWorkerStack(t)
	flaky := &flakyValues{KeyValue: s.values}
	s.statuses = async.NewStatusStore(flaky)
	q := s.worker(s.executor())
	cut := fmt.Errorf("%w: interrupted", port.ErrUnavailable)
	for i, breakOff := range []func(){
		func() { flaky.before = cut }, // executed, but not stored
		func() { flaky.after = cut },  // stored, but the worker has got an error
		func() { s.broken = cut },     // not all are sent
	} {
		m := s.asked(runtimetest.AddCommand("a", fmt.Sprint("c", i), 1), "_INBOX.1")
		breakOff()
		if err := q.Handle(t.Context(), s.delivery(m, 1)); !errors.Is(err, port.ErrUnavailable) || port.IsTerminated(err) {
			t.Errorf("step %d: %v", i, err)
		}
		s.broken = nil
		s.handle(q, m)
		s.want(m.ID, runtime.Accepted, core.Version(i+1), "")
	}
	s.wantVersion("a", 3)
	if sent := s.published(3); sent[2].Version != 3 {
		t.Errorf("statuses %+v", sent)
	}
}

// executorFunc is an executor.
type executorFunc func(context.Context, runtime.Command) (runtime.Result, error)

func (f executorFunc) Execute(ctx context.Context, c runtime.Command) (runtime.Result, error) {
	return f(ctx, c)
}

func TestATransientErrorIsNoRejection(t *testing.T) {
	t.Parallel()
	s := newWorkerStack(t)
	for _, failure := range []error{port.ErrUnavailable, port.ErrConflict, runtime.ErrOverloaded, context.DeadlineExceeded} {
		q := s.worker(executorFunc(func(context.Context, runtime.Command) (runtime.Result, error) {
			return runtime.Result{}, fmt.Errorf("x: %w", failure)
		}))
		err := q.Handle(t.Context(), s.delivery(s.asked(runtimetest.AddCommand("a", "c", 1), ""), 1000))
		if !errors.Is(err, failure) || port.IsTerminated(err) {
			t.Errorf("%v became %v", failure, err)
		}
	}
	if _, err := s.statuses.Status(t.Context(), core.DefaultTenant, s.asks, "c"); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("there is a status: %v", err)
	}
}

func TestAPoisonedCommandBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	s := newWorkerStack(t)
	poison := runtimetest.AddCommand("a", "poison", 1)
	poison.Name, poison.Body = "stumble", json.RawMessage(`{}`)
	for _, c := range []runtime.Command{poison, runtimetest.AddCommand("a", "next", 1)} {
		if _, err := s.submitter.Submit(t.Context(), runtime.AsyncMessage{Command: c}); err != nil {
			t.Fatal(err)
		}
	}
	s.runWorkers(s.worker(s.executor()))
	s.want("next", runtime.Accepted, 1, "")
	s.want("poison", runtime.Pending, 0, "dead-letter")
	dead, err := s.bus.DeadLetters(t.Context(), port.DeadLetterQuery{})
	if err != nil || len(dead) != 1 || dead[0].Attempts != 5 || !strings.Contains(dead[0].Error, "broken on purpose") {
		t.Errorf("dead letters: %+v, %v", dead, err)
	}
}

func TestMessagesThatAreNotCommands(t *testing.T) {
	t.Parallel()
	s := newWorkerStack(t)
	q := s.worker(s.executor())
	if err := q.Handle(t.Context(), port.Delivery{Message: port.Message{ID: "m", Sender: "shop", Name: "add", To: runtimetest.CounterStream("a"), Data: []byte(`{}`)}, Attempt: 1}); !port.IsTerminated(err) || !errors.Is(err, core.ErrBadToken) {
		t.Errorf("a message without a command: %v", err)
	}
	for id, spoil := range map[string]func(*runtime.Command){
		"category": func(c *runtime.Command) { c.Stream.Category = "invoice" },
		"name":     func(c *runtime.Command) { c.Name = "explode" },
		"body":     func(c *runtime.Command) { c.Body = json.RawMessage(`{"N":`) },
	} {
		c := runtimetest.AddCommand("a", id, 1)
		spoil(&c)
		s.handle(q, runtime.AsyncMessage{Command: c})
		s.want(id, runtime.Rejected, 0, "other")
	}
}

func TestACommandIDOnTheBusBelongsToOneCommand(t *testing.T) {
	t.Parallel()
	s := newWorkerStack(t)
	first := s.asked(runtimetest.AddCommand("a", "c", 1), "")
	if _, err := s.submitter.Submit(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	q := s.worker(s.executor())
	for _, other := range []runtime.Command{runtimetest.AddCommand("a", "c", 2), runtimetest.AddCommand("b", "c", 1)} {
		if _, err := s.submitter.Submit(t.Context(), s.asked(other, "")); !errors.Is(err, runtime.ErrCommandReused) {
			t.Errorf("submit: %v", err)
		}
		s.handle(q, s.asked(other, ""))
	}
	s.want("c", runtime.Pending, 0, "")
	s.handle(q, first)
	s.want("c", runtime.Accepted, 1, "")
	s.wantVersion("b", 0)
	if sent := s.published(3); sent[0].State != runtime.Rejected || sent[1].State != runtime.Rejected || sent[2].State != runtime.Accepted {
		t.Errorf("statuses %+v", sent)
	}
}

// A client that guesses the id of a command of a process changes nothing for the process.
func TestACommandIDOnTheBusBelongsToItsSender(t *testing.T) {
	t.Parallel()
	s := newWorkerStack(t)
	q := s.worker(s.executor())
	guess := runtime.AsyncMessage{Command: runtimetest.AddCommand("b", "c", 7)}
	if _, err := s.submitter.Submit(t.Context(), guess); err != nil {
		t.Fatal(err)
	}
	s.handle(q, guess)
	s.want("c", runtime.Accepted, 1, "")
	s.handle(q, s.asked(runtimetest.AddCommand("a", "c", 1), ""))
	s.want("c", runtime.Accepted, 1, "")
	if sent := s.published(1); sent[0].State != runtime.Accepted || sent[0].Stream != "counter-a" {
		t.Errorf("the process receives %+v", sent[0])
	}
	forged := s.delivery(s.asked(runtimetest.AddCommand("b", "d", 1), ""), 1)
	forged.Sender = "shop"
	if err := q.Handle(t.Context(), forged); !port.IsTerminated(err) || !errors.Is(err, core.ErrBadToken) {
		t.Errorf("another sender asks for a result to the process: %v", err)
	}
	s.wantVersion("b", 1)
}

// Two workers execute the same command if one was considered dead: the log is right.
func TestOfTwoStatusesTheOneInTheLogCounts(t *testing.T) {
	t.Parallel()
	yes := func(c runtime.Command) (runtime.Result, error) {
		return runtime.Result{Stream: c.Stream, CommandID: c.ID, Version: 1}, nil
	}
	no := func(runtime.Command) (runtime.Result, error) {
		return runtime.Result{}, &core.Rejection{Code: "no", Message: "no"}
	}
	type decide = func(runtime.Command) (runtime.Result, error)
	for _, c := range []struct {
		name          string
		first, second decide // in the order in which they are kept
		sent          []runtime.AsyncState
	}{
		{"accepted first", yes, no, []runtime.AsyncState{runtime.Accepted}},
		{"rejected first", no, yes, []runtime.AsyncState{runtime.Rejected, runtime.Accepted}},
	} {
		s := newWorkerStack(t)
		m := s.asked(runtimetest.AddCommand("a", "c", 1), "")
		slow := s.worker(executorFunc(func(_ context.Context, command runtime.Command) (runtime.Result, error) {
			s.handle(s.worker(executorFunc(func(context.Context, runtime.Command) (runtime.Result, error) { return c.first(command) })), m)
			return c.second(command)
		}))
		s.handle(slow, m)
		s.want("c", runtime.Accepted, 1, "")
		for i, status := range s.published(len(c.sent)) {
			if status.State != c.sent[i] {
				t.Errorf("%s: %s was sent as number %d", c.name, status.State, i)
			}
		}
	}
}

func TestCommandsOfAnAggregateKeepTheirOrder(t *testing.T) {
	t.Parallel()
	s := newWorkerStack(t)
	s.runWorkers(s.worker(s.executor()), s.worker(s.executor()))
	const aggregates, each = 5, 40
	for i := range each {
		for a := range aggregates {
			if _, err := s.submitter.Submit(t.Context(), runtime.AsyncMessage{Command: runtimetest.AddCommand(fmt.Sprint(a), fmt.Sprintf("c%d-%d", a, i), i+1)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for a := range aggregates {
		s.want(fmt.Sprintf("c%d-%d", a, each-1), runtime.Accepted, each, "")
		i := 0
		for c, err := range port.Read(t.Context(), s.log, runtimetest.CounterStream(fmt.Sprint(a)), 0) {
			if want := fmt.Sprintf("c%d-%d", a, i); err != nil || c.Command.ID != want {
				t.Fatalf("%s was delivered in place of %s: %v", c.Command.ID, want, err)
			}
			i++
		}
	}
}
