package async_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/async"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
)

// workerStack is an async worker with its log, bus and status store, in memory.
type workerStack struct {
	t         *testing.T
	log       *memory.Log
	bus       *memory.Bus
	values    port.KeyValue
	statuses  *async.StatusStore
	submitter *async.Submitter

	asks string // the sender whose statuses want compares

	mu      sync.Mutex
	replies []string
	broken  error // what Reply returns
}

func newWorkerStack(t *testing.T) *workerStack {
	s := &workerStack{t: t, log: memory.NewLog(2), bus: memory.NewBus(), values: memory.NewKeyValue(), asks: port.CommandSender}
	s.statuses = async.NewStatusStore(s.values)
	s.submitter = async.NewSubmitter(s.bus, s.statuses)
	return s
}

// explain is final for rejections of the domain and for malformed commands.
func explain(err error) (runtime.Refusal, bool) {
	var rejection *core.Rejection
	switch {
	case errors.As(err, &rejection):
		return runtime.Refusal{Code: rejection.Code, Detail: rejection.Message, Problem: json.RawMessage(`{"status":422}`)}, true
	case errors.Is(err, runtime.ErrCommandReused), errors.Is(err, runtime.ErrUnknown), errors.Is(err, core.ErrBadPayload):
		return runtime.Refusal{Code: "other", Detail: err.Error()}, true
	}
	return runtime.Refusal{}, false
}

func (s *workerStack) worker(executor async.Executor) *async.Worker {
	return async.NewWorker(runtimetest.CounterRegistry(s.t), executor, s.bus, s.statuses, async.Config{
		Decode:  (*core.CommandType).Decode,
		Explain: explain, Logger: slog.New(slog.DiscardHandler),
		Reply: func(_ context.Context, subject string, body []byte) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.replies = append(s.replies, subject+" "+string(body))
			return s.broken
		},
	})
}

func (s *workerStack) executor() *command.Executor {
	return runtimetest.NewExecutor(s.t, s.log, nil, command.Config{})
}

func (s *workerStack) delivery(m runtime.AsyncMessage, attempt int) port.Delivery {
	s.t.Helper()
	message, err := m.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	return port.Delivery{Message: message, Attempt: attempt}
}

func (s *workerStack) handle(q *async.Worker, m runtime.AsyncMessage) {
	s.t.Helper()
	if err := q.Handle(s.t.Context(), s.delivery(m, 1)); err != nil {
		s.t.Fatalf("command %s: %v", m.ID, err)
	}
}

// want waits until a command has a status, and compares it.
func (s *workerStack) want(id string, state runtime.AsyncState, version core.Version, code string) {
	s.t.Helper()
	var got runtime.AsyncStatus
	var err error
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got, err = s.statuses.Status(s.t.Context(), core.DefaultTenant, s.asks, id)
		if err != nil || got.State == state && got.Code == code || time.Now().After(end) {
			break
		}
	}
	if err != nil || got.State != state || got.Version != version || got.Code != code || got.CommandID != id {
		s.t.Errorf("the status of %s is %+v, %v; not %s, version %d, code %q", id, got, err, state, version, code)
	}
}

func (s *workerStack) wantVersion(stream string, version core.Version) {
	s.t.Helper()
	last, err := s.log.Last(s.t.Context(), runtimetest.CounterStream(stream))
	if err != nil && !errors.Is(err, port.ErrNoStream) || last.Version != version {
		s.t.Errorf("counter %s has version %d, %v; not %d", stream, last.Version, err, version)
	}
}

// published receives the statuses that were sent over the bus so far.
func (s *workerStack) published(count int) []runtime.AsyncStatus {
	s.t.Helper()
	ctx, stop := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer stop()
	var got []runtime.AsyncStatus
	err := s.bus.Subscribe(ctx, port.ResultTopic, port.Subscription{Group: "test", MaxInFlight: 1}, func(_ context.Context, d port.Delivery) error {
		o, err := runtime.DecodeAsyncStatus(d.Message)
		if err != nil || d.To != asker("p") {
			s.t.Errorf("result for %s: %v", d.To, err)
		}
		if got = append(got, o); len(got) == count {
			stop()
		}
		return nil
	})
	if err != nil || len(got) != count {
		s.t.Fatalf("%d statuses were published, not %d: %v", len(got), count, err)
	}
	return got
}

func asker(id string) core.Stream {
	return core.Stream{Tenant: core.DefaultTenant, Category: "process-count", ID: id}
}

// asked returns the message of a command that the process of [asker] sends.
func (s *workerStack) asked(c runtime.Command, replyTo string) runtime.AsyncMessage {
	s.asks, c.Origin.Sender = port.ProcessSender, port.ProcessSender
	return runtime.AsyncMessage{Command: c, ResultTo: asker("p"), ReplyTo: replyTo}
}

func (s *workerStack) runWorkers(queues ...*async.Worker) {
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
