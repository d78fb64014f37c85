package porttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// MessageBus tests an implementation of [port.MessageBus]. open returns an empty bus for one test.
func MessageBus(t *testing.T, open func(t testing.TB) port.MessageBus) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, port.MessageBus){
		"what goes in comes out":             busRoundTrip,
		"an id is kept once":                 busDuplicates,
		"topics are apart":                   busTopics,
		"what is refused":                    busRefused,
		"order per stream, nothing lost":     busOrder,
		"in flight":                          busInFlight,
		"retries hold back their stream":     busRetry,
		"a handler says when":                busRetryAfter,
		"limits, terminations, panics":       busDeadLetters,
		"dead letters are listed":            busList,
		"dead letters come back, or don't":   busDeadLetterActions,
		"slow handlers keep their message":   busSlow,
		"draining":                           busDrain,
		"what failed continues with others":  busRetryMoves,
		"a topic has one group":              busOneGroup,
		"workers come and go, order remains": busWorkersChange,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func busMessage(to, id string) port.Message {
	return port.Message{ID: id, Sender: port.CommandSender, To: stream(to), Name: "act", Data: []byte(id)}
}

func publish(t testing.TB, bus port.Publisher, topic port.Topic, m port.Message) {
	t.Helper()
	if err := bus.Publish(t.Context(), topic, m); err != nil {
		t.Fatalf("publish %s: %v", m.ID, err)
	}
}

// busWorker is a subscribed worker. stop ends it and waits for its end.
type busWorker struct {
	stop func()
}

func subscribe(t testing.TB, bus port.Subscriber, topic port.Topic, s port.Subscription, handle port.Handler) busWorker {
	t.Helper()
	if s.Group == "" {
		s.Group = "workers"
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- bus.Subscribe(ctx, topic, s, handle) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Subscribe: %v", err)
		}
	})
	t.Cleanup(stop)
	return busWorker{stop}
}

// await receives from a channel, and fails the test on a timeout.
func await[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(patience):
		t.Fatalf("%s: nothing came", what)
		panic("unreachable")
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: it did not come to pass", what)
		}
	}
}

// fast retries without a pause and without a limit.
var fast = core.RetryPolicy{Backoff: core.NoBackoff}

var errBus = errors.New("no luck")

func busRoundTrip(t *testing.T, bus port.MessageBus) {
	deliveries := make(chan port.Delivery, 2)
	subscribe(t, bus, port.CommandTopic, port.Subscription{}, func(_ context.Context, d port.Delivery) error {
		deliveries <- d
		return nil
	})
	for _, sent := range []port.Message{
		{
			ID: "01-x/y:z", Sender: port.ProcessSender, To: core.Stream{Tenant: "t1", Category: "thing", ID: "A_b-9"}, Name: "re_open", Data: []byte("\x00\xff{}"),
			Header: map[string]string{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "orx-x": "ü, y: z"},
		},
		{ID: strings.Repeat("i", core.MaxCommandIDLength), Sender: port.CommandSender, To: stream("a"), Name: "n", Data: make([]byte, port.MaxMessageData)},
	} {
		before := time.Now()
		publish(t, bus, port.CommandTopic, sent)
		got := await(t, "a delivery", deliveries)
		if got.ID != sent.ID || got.Sender != sent.Sender || got.To != sent.To || got.Name != sent.Name || !maps.Equal(got.Header, sent.Header) || !bytes.Equal(got.Data, sent.Data) || got.Attempt != 1 {
			t.Errorf("attempt %d of %s from %s to %s %s, header %q, %d bytes; sent was %s from %s to %s %s, header %q, %d bytes",
				got.Attempt, got.ID, got.Sender, got.To.Path(), got.Name, got.Header, len(got.Data), sent.ID, sent.Sender, sent.To.Path(), sent.Name, sent.Header, len(sent.Data))
		}
		if skew := time.Minute; got.Published.Before(before.Add(-skew)) || got.Published.After(time.Now().Add(skew)) {
			t.Errorf("published at %s, it was %s", got.Published, before)
		}
	}
}

func busDuplicates(t *testing.T, bus port.MessageBus) {
	got := make(chan string, 10)
	for range 3 {
		publish(t, bus, port.CommandTopic, busMessage("a", "once"))
	}
	publish(t, bus, port.CommandTopic, busMessage("a", "last"))
	subscribe(t, bus, port.CommandTopic, port.Subscription{}, func(_ context.Context, d port.Delivery) error {
		got <- d.ID
		return nil
	})
	if id := await(t, "the first", got); id != "once" {
		t.Errorf("got %s", id)
	}
	if id := await(t, "the last", got); id != "last" {
		t.Errorf("got %s", id)
	}
}

func busTopics(t *testing.T, bus port.MessageBus) {
	commands, results := make(chan string, 10), make(chan string, 10)
	for topic, to := range map[port.Topic]chan string{port.CommandTopic: commands, port.ResultTopic: results} {
		subscribe(t, bus, topic, port.Subscription{Group: "group-" + string(topic)}, func(_ context.Context, d port.Delivery) error {
			to <- string(d.Data)
			return nil
		})
		publish(t, bus, topic, port.Message{ID: "the-same", Sender: port.CommandSender, To: stream("a"), Name: "n", Data: []byte(topic)})
	}
	if command, result := await(t, "a command", commands), await(t, "a result", results); command != "cmd" || result != "out" {
		t.Errorf("the command is %q, the result %q", command, result)
	}
}

func busRefused(t *testing.T, bus port.MessageBus) {
	ctx := t.Context()
	good := busMessage("a", "id")
	for what, change := range map[string]func(*port.Message){
		"a bad stream":                 func(m *port.Message) { m.To.ID = "a.b" },
		"no tenant":                    func(m *port.Message) { m.To.Tenant = "" },
		"no sender":                    func(m *port.Message) { m.Sender = "" },
		"a bad sender":                 func(m *port.Message) { m.Sender = "process.x" },
		"no name":                      func(m *port.Message) { m.Name = "" },
		"a wildcard as name":           func(m *port.Message) { m.Name = "*" },
		"no id":                        func(m *port.Message) { m.ID = "" },
		"an id with a line break":      func(m *port.Message) { m.ID = "a\r\nNats-X: y" },
		"a header of the server":       func(m *port.Message) { m.Header = map[string]string{"Nats-Msg-Id": "x"} },
		"one in lower case":            func(m *port.Message) { m.Header = map[string]string{"nats-rollup": "all"} },
		"a header in upper case":       func(m *port.Message) { m.Header = map[string]string{"Traceparent": "x"} },
		"a header with a colon":        func(m *port.Message) { m.Header = map[string]string{"a:b": "x"} },
		"a header with a line break":   func(m *port.Message) { m.Header = map[string]string{"a": "x\r\ny"} },
		"a header without a name":      func(m *port.Message) { m.Header = map[string]string{"": "x"} },
		"a header with space in front": func(m *port.Message) { m.Header = map[string]string{" a": "x"} },
	} {
		m := good
		change(&m)
		wantErr(t, what, bus.Publish(ctx, port.CommandTopic, m), core.ErrBadToken)
	}
	large := good
	large.Data = make([]byte, port.MaxMessageData+1)
	wantErr(t, "too much data", bus.Publish(ctx, port.CommandTopic, large), port.ErrTooLarge)
	large.Data, large.Header = nil, map[string]string{"a": strings.Repeat("x", port.MaxMessageHeader)}
	wantErr(t, "too much header", bus.Publish(ctx, port.CommandTopic, large), port.ErrTooLarge)
	wantErr(t, "an unknown topic", bus.Publish(ctx, "other", good), core.ErrBadToken)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	wantErr(t, "an ended context", bus.Publish(ended, port.CommandTopic, good), port.ErrUnavailable)

	never := func(context.Context, port.Delivery) error { return nil }
	wantErr(t, "no group", bus.Subscribe(ctx, port.CommandTopic, port.Subscription{}, never), core.ErrBadToken)
	wantErr(t, "a bad group", bus.Subscribe(ctx, port.CommandTopic, port.Subscription{Group: "a.b"}, never), core.ErrBadToken)
	wantErr(t, "an unknown topic", bus.Subscribe(ctx, "other", port.Subscription{Group: "g"}, never), core.ErrBadToken)
	if err := bus.Subscribe(ctx, port.CommandTopic, port.Subscription{Group: "g", Retry: core.RetryPolicy{Backoff: "?"}}, never); err == nil {
		t.Error("an unknown backoff was taken")
	}
}

// ledger records handled messages, and reports two concurrent handlers of one stream.
type ledger struct {
	mu   sync.Mutex
	t    testing.TB
	busy map[string]bool
	seen map[string][]string // by stream
	size int
}

func newLedger(t testing.TB) *ledger {
	return &ledger{t: t, busy: map[string]bool{}, seen: map[string][]string{}}
}

func (l *ledger) enter(d port.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[d.To.ID] {
		l.t.Errorf("%s of stream %s is handled while another is", d.ID, d.To.ID)
	}
	l.busy[d.To.ID] = true
}

func (l *ledger) leave(d port.Delivery, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.busy, d.To.ID)
	if done {
		l.seen[d.To.ID] = append(l.seen[d.To.ID], d.ID)
		l.size++
	}
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size
}

func (l *ledger) of(id string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.seen[id])
}

// wantOrder fails unless the messages of each stream were handled once each, in order.
func (l *ledger) wantOrder(streams, each int) {
	l.t.Helper()
	for s := range streams {
		id := fmt.Sprint("s", s)
		var want []string
		for n := range each {
			want = append(want, fmt.Sprint(id, "-", n))
		}
		if got := l.of(id); !slices.Equal(got, want) {
			l.t.Errorf("stream %s was handled as %q", id, got)
		}
	}
}

// publishMany publishes messages s<stream>-<n>, the streams concurrently.
func publishMany(t testing.TB, bus port.Publisher, streams, each int) {
	t.Helper()
	var publishing sync.WaitGroup
	for s := range streams {
		publishing.Go(func() {
			for n := range each {
				id := fmt.Sprint("s", s)
				if err := bus.Publish(t.Context(), port.CommandTopic, busMessage(id, fmt.Sprint(id, "-", n))); err != nil {
					t.Errorf("publish: %v", err)
					return
				}
			}
		})
	}
	publishing.Wait()
}

func busOrder(t *testing.T, bus port.MessageBus) {
	const streams, each, workers = 40, 50, 3
	l := newLedger(t)
	for range workers {
		subscribe(t, bus, port.CommandTopic, port.Subscription{MaxInFlight: 8, Retry: fast}, func(_ context.Context, d port.Delivery) error {
			l.enter(d)
			fails := d.Attempt == 1 && len(d.ID)%3 == 0
			l.leave(d, !fails)
			if fails {
				return errBus
			}
			return nil
		})
	}
	publishMany(t, bus, streams, each)
	eventually(t, "all messages are handled", func() bool { return l.count() >= streams*each })
	l.wantOrder(streams, each)
}
