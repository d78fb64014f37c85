package runtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orchestrix/shared/es"
	"orchestrix/shared/memory"
	"orchestrix/shared/runtime"
)

// queueStack is a command queue with all that it stands on, in memory.
type queueStack struct {
	t         *testing.T
	log       *memory.Log
	bus       *memory.Bus
	values    es.KeyValue
	outcomes  *runtime.Outcomes
	submitter *runtime.Submitter

	mu      sync.Mutex
	replies []string
	broken  error // what Reply returns
}

func newQueueStack(t *testing.T) *queueStack {
	s := &queueStack{t: t, log: memory.NewLog(2), bus: memory.NewBus(), values: memory.NewKeyValue()}
	s.outcomes = runtime.NewOutcomes(s.values)
	s.submitter = runtime.NewSubmitter(s.bus, s.outcomes)
	return s
}

// explain is final for what the domain and the form of a command say.
func explain(err error) (runtime.Refusal, bool) {
	var rejection *es.Rejection
	switch {
	case errors.As(err, &rejection):
		return runtime.Refusal{Code: rejection.Code, Detail: rejection.Message, Problem: json.RawMessage(`{"status":422}`)}, true
	case errors.Is(err, runtime.ErrCommandReused), errors.Is(err, runtime.ErrUnknown), errors.Is(err, es.ErrBadPayload):
		return runtime.Refusal{Code: "other", Detail: err.Error()}, true
	}
	return runtime.Refusal{}, false
}

func (s *queueStack) queue(executor runtime.CommandExecutor) *runtime.CommandQueue {
	return runtime.NewCommandQueue(counterRegistry(s.t), executor, s.bus, s.outcomes, runtime.CommandQueueConfig{
		Check: func(c *es.CommandType, body []byte) error {
			_, err := c.Decode(body)
			return err
		},
		Explain: explain, Logger: slog.New(slog.DiscardHandler),
		Reply: func(_ context.Context, subject string, body []byte) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.replies = append(s.replies, subject+" "+string(body))
			return s.broken
		},
	})
}

func (s *queueStack) executor() *runtime.Executor {
	return newExecutor(s.t, s.log, nil, runtime.ExecutorConfig{})
}

func (s *queueStack) delivery(m runtime.CommandMessage, attempt int) es.Delivery {
	s.t.Helper()
	message, err := m.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	return es.Delivery{Message: message, Attempt: attempt}
}

func (s *queueStack) handle(q *runtime.CommandQueue, m runtime.CommandMessage) {
	s.t.Helper()
	if err := q.Handle(s.t.Context(), s.delivery(m, 1)); err != nil {
		s.t.Fatalf("command %s: %v", m.ID, err)
	}
}

// want waits until a command has an outcome, and compares it.
func (s *queueStack) want(id string, status runtime.OutcomeStatus, version es.Version, code string) {
	s.t.Helper()
	var o runtime.Outcome
	var err error
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		o, err = s.outcomes.Outcome(s.t.Context(), es.DefaultTenant, id)
		if err != nil || o.Status == status && o.Code == code || time.Now().After(end) {
			break
		}
	}
	if err != nil || o.Status != status || o.Version != version || o.Code != code || o.CommandID != id {
		s.t.Errorf("the outcome of %s is %+v, %v; not %s, version %d, code %q", id, o, err, status, version, code)
	}
}

func (s *queueStack) wantVersion(stream string, version es.Version) {
	s.t.Helper()
	last, err := s.log.Last(s.t.Context(), counterStream(stream))
	if err != nil && !errors.Is(err, es.ErrNoStream) || last.Version != version {
		s.t.Errorf("counter %s has version %d, %v; not %d", stream, last.Version, err, version)
	}
}

// told takes the outcomes that were sent over the bus so far.
func (s *queueStack) told(count int) []runtime.Outcome {
	s.t.Helper()
	ctx, stop := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer stop()
	var got []runtime.Outcome
	err := s.bus.Subscribe(ctx, es.OutcomeTopic, es.Subscription{Group: "test", MaxInFlight: 1}, func(_ context.Context, d es.Delivery) error {
		o, err := runtime.DecodeOutcome(d.Message)
		if err != nil || d.To != asker("p") {
			s.t.Errorf("outcome for %s: %v", d.To, err)
		}
		if got = append(got, o); len(got) == count {
			stop()
		}
		return nil
	})
	if err != nil || len(got) != count {
		s.t.Fatalf("%d outcomes were told, not %d: %v", len(got), count, err)
	}
	return got
}

func asker(id string) es.Stream {
	return es.Stream{Tenant: es.DefaultTenant, Category: "process-count", ID: id}
}

func (s *queueStack) run(queues ...*runtime.CommandQueue) {
	ctx, stop := context.WithCancel(context.WithoutCancel(s.t.Context()))
	var running sync.WaitGroup
	for _, q := range queues {
		running.Go(func() {
			if err := q.Run(ctx); err != nil {
				s.t.Errorf("Run: %v", err)
			}
		})
	}
	s.t.Cleanup(func() { stop(); running.Wait() })
}

func TestWhatBecomesOfACommandIsKeptAndTold(t *testing.T) {
	t.Parallel()
	s := newQueueStack(t)
	good := runtime.CommandMessage{Command: addCommand("a", "good", 5), OutcomeTo: asker("p"), ReplyTo: "_INBOX.1"}
	bad := runtime.CommandMessage{Command: addCommand("a", "bad", -6), OutcomeTo: asker("p"), ReplyTo: "_INBOX.2"}
	for _, m := range []runtime.CommandMessage{good, bad} {
		if o, err := s.submitter.Submit(t.Context(), m); err != nil || o.Status != runtime.Pending || o.CommandID != m.ID || o.Stream != "counter-a" {
			t.Fatalf("submitted: %+v, %v", o, err)
		}
	}
	s.want("good", runtime.Pending, 0, "")
	s.run(s.queue(s.executor()))
	s.want("good", runtime.Accepted, 1, "")
	s.want("bad", runtime.Rejected, 0, "counter-negative")
	told := s.told(2)
	if told[0].CommandID != "good" || told[0].Status != runtime.Accepted || told[0].Position == "" || !slices.Equal(told[0].Events, []string{"Added"}) ||
		told[1].CommandID != "bad" || told[1].Status != runtime.Rejected || told[1].Code != "counter-negative" || string(told[1].Problem) != `{"status":422}` {
		t.Errorf("told: %+v", told)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.replies) != 2 || !strings.HasPrefix(s.replies[0], `_INBOX.1 {"command_id":"good","stream":"counter-a","status":"accepted"`) || !strings.HasPrefix(s.replies[1], "_INBOX.2 ") {
		t.Errorf("replies: %v", s.replies)
	}
	if o, err := s.submitter.Submit(t.Context(), good); err != nil || o.Status != runtime.Accepted {
		t.Errorf("submitted again: %+v, %v", o, err)
	}
	if _, err := s.outcomes.Outcome(t.Context(), es.DefaultTenant, "unknown"); !errors.Is(err, es.ErrNotFound) {
		t.Errorf("an unknown command: %v", err)
	}
}

func TestARejectionStands(t *testing.T) {
	t.Parallel()
	s := newQueueStack(t)
	q := s.queue(s.executor())
	no := runtime.CommandMessage{Command: addCommand("a", "take", -1), OutcomeTo: asker("p")}
	s.handle(q, no)
	s.handle(q, runtime.CommandMessage{Command: addCommand("a", "give", 1)})
	s.handle(q, no) // its acknowledgement was lost, and by now it would be accepted
	s.want("take", runtime.Rejected, 0, "counter-negative")
	s.wantVersion("a", 1)
	s.told(1)
}

// flakyValues fails once, before or after it has done what it is asked for.
type flakyValues struct {
	es.KeyValue
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

func TestACommandThatIsCutOffGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	s := newQueueStack(t)
	flaky := &flakyValues{KeyValue: s.values}
	s.outcomes = runtime.NewOutcomes(flaky)
	q := s.queue(s.executor())
	cut := fmt.Errorf("%w: cut off", es.ErrUnavailable)
	for i, breakOff := range []func(){
		func() { flaky.before = cut }, // executed, but nothing kept
		func() { flaky.after = cut },  // kept, but the worker doesn't know
		func() { s.broken = cut },     // not all are told
	} {
		m := runtime.CommandMessage{Command: addCommand("a", fmt.Sprint("c", i), 1), OutcomeTo: asker("p"), ReplyTo: "_INBOX.1"}
		breakOff()
		if err := q.Handle(t.Context(), s.delivery(m, 1)); !errors.Is(err, es.ErrUnavailable) || es.IsTerminated(err) {
			t.Errorf("step %d: %v", i, err)
		}
		s.broken = nil
		s.handle(q, m)
		s.want(m.ID, runtime.Accepted, es.Version(i+1), "")
	}
	s.wantVersion("a", 3)
	if told := s.told(3); told[2].Version != 3 {
		t.Errorf("told %+v", told)
	}
}

// executorFunc is an executor.
type executorFunc func(context.Context, runtime.Command) (runtime.Result, error)

func (f executorFunc) Execute(ctx context.Context, c runtime.Command) (runtime.Result, error) {
	return f(ctx, c)
}

func TestWhatIsDownNeverRejects(t *testing.T) {
	t.Parallel()
	s := newQueueStack(t)
	for _, failure := range []error{es.ErrUnavailable, es.ErrConflict, runtime.ErrOverloaded, context.DeadlineExceeded} {
		q := s.queue(executorFunc(func(context.Context, runtime.Command) (runtime.Result, error) {
			return runtime.Result{}, fmt.Errorf("x: %w", failure)
		}))
		err := q.Handle(t.Context(), s.delivery(runtime.CommandMessage{Command: addCommand("a", "c", 1), OutcomeTo: asker("p")}, 1000))
		if !errors.Is(err, failure) || es.IsTerminated(err) {
			t.Errorf("%v became %v", failure, err)
		}
	}
	if _, err := s.outcomes.Outcome(t.Context(), es.DefaultTenant, "c"); !errors.Is(err, es.ErrNotFound) {
		t.Errorf("there is an outcome: %v", err)
	}
}

func TestAPoisonedCommandMakesWay(t *testing.T) {
	t.Parallel()
	s := newQueueStack(t)
	poison := addCommand("a", "poison", 1)
	poison.Name, poison.Body = "stumble", json.RawMessage(`{}`)
	for _, c := range []runtime.Command{poison, addCommand("a", "next", 1)} {
		if _, err := s.submitter.Submit(t.Context(), runtime.CommandMessage{Command: c}); err != nil {
			t.Fatal(err)
		}
	}
	s.run(s.queue(s.executor()))
	s.want("next", runtime.Accepted, 1, "")
	s.want("poison", runtime.Pending, 0, "dead-letter")
	dead, err := s.bus.DeadLetters(t.Context(), es.DeadLetterQuery{})
	if err != nil || len(dead) != 1 || dead[0].Attempts != 5 || !strings.Contains(dead[0].Error, "broken on purpose") {
		t.Errorf("dead letters: %+v, %v", dead, err)
	}
}

func TestMessagesThatAreNoCommands(t *testing.T) {
	t.Parallel()
	s := newQueueStack(t)
	q := s.queue(s.executor())
	if err := q.Handle(t.Context(), es.Delivery{Message: es.Message{ID: "m", To: counterStream("a"), Data: []byte(`{}`)}, Attempt: 1}); !es.IsTerminated(err) || !errors.Is(err, es.ErrBadToken) {
		t.Errorf("a message without a command: %v", err)
	}
	for id, spoil := range map[string]func(*runtime.Command){
		"category": func(c *runtime.Command) { c.Stream.Category = "invoice" },
		"name":     func(c *runtime.Command) { c.Name = "explode" },
		"body":     func(c *runtime.Command) { c.Body = json.RawMessage(`{"N":`) },
	} {
		c := addCommand("a", id, 1)
		spoil(&c)
		s.handle(q, runtime.CommandMessage{Command: c})
		s.want(id, runtime.Rejected, 0, "other")
	}
}

func TestACommandIDOnTheBusBelongsToOneCommand(t *testing.T) {
	t.Parallel()
	s := newQueueStack(t)
	first := runtime.CommandMessage{Command: addCommand("a", "c", 1), OutcomeTo: asker("p")}
	if _, err := s.submitter.Submit(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	q := s.queue(s.executor())
	for _, other := range []runtime.Command{addCommand("a", "c", 2), addCommand("b", "c", 1)} {
		if _, err := s.submitter.Submit(t.Context(), runtime.CommandMessage{Command: other}); !errors.Is(err, runtime.ErrCommandReused) {
			t.Errorf("submit: %v", err)
		}
		s.handle(q, runtime.CommandMessage{Command: other, OutcomeTo: asker("p")})
	}
	s.want("c", runtime.Pending, 0, "")
	s.handle(q, first)
	s.want("c", runtime.Accepted, 1, "")
	s.wantVersion("b", 0)
	if told := s.told(3); told[0].Status != runtime.Rejected || told[1].Status != runtime.Rejected || told[2].Status != runtime.Accepted {
		t.Errorf("told %+v", told)
	}
}

// Two workers are at the same command where one was taken for dead: the log is right.
func TestOfTwoOutcomesTheLogsCounts(t *testing.T) {
	t.Parallel()
	yes := func(c runtime.Command) (runtime.Result, error) {
		return runtime.Result{Stream: c.Stream, CommandID: c.ID, Version: 1}, nil
	}
	no := func(runtime.Command) (runtime.Result, error) {
		return runtime.Result{}, &es.Rejection{Code: "no", Message: "no"}
	}
	type decide = func(runtime.Command) (runtime.Result, error)
	for _, c := range []struct {
		name          string
		first, second decide // in the order in which they are kept
		told          []runtime.OutcomeStatus
	}{
		{"accepted first", yes, no, []runtime.OutcomeStatus{runtime.Accepted}},
		{"rejected first", no, yes, []runtime.OutcomeStatus{runtime.Rejected, runtime.Accepted}},
	} {
		s := newQueueStack(t)
		m := runtime.CommandMessage{Command: addCommand("a", "c", 1), OutcomeTo: asker("p")}
		slow := s.queue(executorFunc(func(_ context.Context, command runtime.Command) (runtime.Result, error) {
			s.handle(s.queue(executorFunc(func(context.Context, runtime.Command) (runtime.Result, error) { return c.first(command) })), m)
			return c.second(command)
		}))
		s.handle(slow, m)
		s.want("c", runtime.Accepted, 1, "")
		for i, o := range s.told(len(c.told)) {
			if o.Status != c.told[i] {
				t.Errorf("%s: told %s as number %d", c.name, o.Status, i)
			}
		}
	}
}

func TestCommandsOfAnAggregateKeepTheirOrder(t *testing.T) {
	t.Parallel()
	s := newQueueStack(t)
	s.run(s.queue(s.executor()), s.queue(s.executor()))
	const aggregates, each = 5, 40
	for i := range each {
		for a := range aggregates {
			if _, err := s.submitter.Submit(t.Context(), runtime.CommandMessage{Command: addCommand(fmt.Sprint(a), fmt.Sprintf("c%d-%d", a, i), i+1)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for a := range aggregates {
		s.want(fmt.Sprintf("c%d-%d", a, each-1), runtime.Accepted, each, "")
		i := 0
		for c, err := range es.Read(t.Context(), s.log, counterStream(fmt.Sprint(a)), 0) {
			if want := fmt.Sprintf("c%d-%d", a, i); err != nil || c.Command.ID != want {
				t.Fatalf("%s comes in place of %s: %v", c.Command.ID, want, err)
			}
			i++
		}
	}
}
