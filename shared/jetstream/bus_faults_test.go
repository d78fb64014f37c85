package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	njs "github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// busWorker is a worker with a connection of its own, so that it can be killed.
type busWorker struct {
	conn *nats.Conn
	stop func()
}

// kill closes the worker's connection: it sends no heartbeats, and releases nothing.
func (w *busWorker) kill() { w.conn.Close() }

func startWorker(t testing.TB, url string, s port.Subscription, handle port.Handler) *busWorker {
	t.Helper()
	conn := connect(t, url)
	bus := openBus(t, conn, jetstream.BusConfig{})
	s.Group = "workers"
	if s.AckWait == 0 {
		s.AckWait = 2 * time.Second
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- bus.Subscribe(ctx, port.CommandTopic, s, handle) }()
	w := &busWorker{conn: conn, stop: sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Subscribe: %v", err)
		}
	})}
	t.Cleanup(w.stop)
	return w
}

func send(t testing.TB, bus port.Publisher, stream, id string) {
	t.Helper()
	if err := bus.Publish(t.Context(), port.CommandTopic, port.Message{ID: id, Sender: "shop", Name: "act", To: thing(stream)}); err != nil {
		t.Fatalf("publish %s: %v", id, err)
	}
}

func receive[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(time.Minute):
		t.Fatalf("%s: nothing was received", what)
		panic("unreachable")
	}
}

// The messages of a killed worker are delivered to another one, in order.
func TestMessagesOfAKilledWorkerStayInOrder(t *testing.T) {
	t.Parallel()
	url := localtest.NATS(t).URL()
	bus := openBus(t, connect(t, url), jetstream.BusConfig{})
	want := []string{"1", "2", "3", "4"}
	for _, id := range want {
		send(t, bus, "a", id)
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	killed := startWorker(t, url, port.Subscription{}, func(context.Context, port.Delivery) error {
		entered <- struct{}{}
		<-leave
		return nil
	})
	receive(t, "the first message", entered)
	killed.kill()
	done := make(chan string, len(want))
	startWorker(t, url, port.Subscription{}, func(_ context.Context, d port.Delivery) error {
		done <- d.ID
		return nil
	})
	for _, id := range want {
		if got := receive(t, "message "+id, done); got != id {
			t.Errorf("%s was delivered, not %s", got, id)
		}
	}
	close(leave)
	killed.stop()
}

// A message that kills each worker becomes a dead letter, and the message behind it is handled.
func TestAMessageThatKillsWorkersBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	url := localtest.NATS(t).URL()
	bus := openBus(t, connect(t, url), jetstream.BusConfig{})
	send(t, bus, "a", "poison")
	send(t, bus, "a", "behind")
	const limit = 3
	attempts, behind, leave := make(chan int), make(chan struct{}, 1), make(chan struct{})
	defer close(leave)
	var counted []int
	for range limit + 2 {
		w := startWorker(t, url, port.Subscription{Retry: core.RetryPolicy{Limit: limit}}, func(_ context.Context, d port.Delivery) error {
			if d.ID == "behind" {
				behind <- struct{}{}
				return nil
			}
			select {
			case attempts <- d.Attempt:
				<-leave
			case <-leave:
			}
			return errors.New("dead by then")
		})
		select {
		case n := <-attempts:
			counted = append(counted, n)
			w.kill()
		case <-behind:
			if want := []int{1, 1, 2, 3}; !slices.Equal(counted, want) { // the first death is not counted: see es.Delivery
				t.Errorf("attempts %v, not %v", counted, want)
			}
			dead, err := bus.DeadLetters(t.Context(), port.DeadLetterQuery{})
			if err != nil || len(dead) != 1 || dead[0].ID != "poison" || dead[0].Attempts != limit || !strings.Contains(dead[0].Error, "worker died") {
				t.Errorf("dead letters %+v, %v", dead, err)
			}
			return
		case <-time.After(time.Minute):
			t.Fatalf("no worker had the message; attempts %v", counted)
		}
	}
	t.Errorf("attempts %v, and the message is no dead letter", counted)
}

// progress counts the handled messages, by stream, without immediate redeliveries.
type progress struct {
	mu    sync.Mutex
	t     testing.TB
	next  map[string]int // of each stream
	done  int
	again int
}

// handled checks that the message is the stream's next, or the last once more.
func (p *progress) handled(d port.Delivery) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var n int
	if _, err := fmt.Sscanf(d.ID, d.To.ID+"-%d", &n); err != nil {
		return port.Terminate(err)
	}
	switch next := p.next[d.To.ID]; n {
	case next:
		p.next[d.To.ID]++
		p.done++
	case next - 1:
		p.again++
	default:
		p.t.Errorf("%s was delivered, the next is %d", d.ID, next)
	}
	return nil
}

func (p *progress) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

func sendMany(t testing.TB, bus port.Publisher, streams, each int) {
	var sending sync.WaitGroup
	for s := range streams {
		sending.Go(func() {
			id := fmt.Sprint("s", s)
			for n := range each {
				m := port.Message{ID: fmt.Sprint(id, "-", n), Sender: "shop", Name: "act", To: thing(id), Data: payload}
				if err := untilAvailable(t.Context(), func(ctx context.Context) error { return bus.Publish(ctx, port.CommandTopic, m) }); err != nil {
					t.Errorf("publish %s: %v", m.ID, err)
					return
				}
			}
		})
	}
	sending.Wait()
}

// Thousands of messages reach three workers, one of which is killed and replaced: none is lost, none is out of order.
func TestThousandsOfMessagesStayInOrderWhileWorkersDie(t *testing.T) {
	t.Parallel()
	const streams, each = 100, 40
	url := localtest.NATS(t).URL()
	bus := openBus(t, connect(t, url), jetstream.BusConfig{})
	p := &progress{t: t, next: map[string]int{}}
	work := func() *busWorker {
		return startWorker(t, url, port.Subscription{MaxInFlight: 16}, func(_ context.Context, d port.Delivery) error { return p.handled(d) })
	}
	first := work()
	work()
	work()
	sent := make(chan struct{})
	go func() { defer close(sent); sendMany(t, bus, streams, each) }()
	await(t, "a third of the messages", func() bool { return p.count() > streams*each/3 })
	first.kill()
	work()
	await(t, "all messages", func() bool { return p.count() == streams*each })
	<-sent
	dead, err := bus.DeadLetters(t.Context(), port.DeadLetterQuery{})
	if err != nil || len(dead) > 0 {
		t.Errorf("dead letters %+v, %v", dead, err)
	}
	t.Logf("%d messages were delivered again", p.again)
}

// Workers and publishers continue after restarts of the server; a live worker receives no message that it has handled.
func TestMessagesSurviveRestarts(t *testing.T) {
	t.Parallel()
	const streams, each = 20, 40
	server := startServer(t)
	log := openOn(t, connect(t, server.server.URL()), jetstream.Config{AckTimeout: time.Second, AppendBudget: 2 * time.Second})
	bus, err := jetstream.OpenBus(t.Context(), log, jetstream.BusConfig{})
	if err != nil {
		t.Fatal(err)
	}
	p := &progress{t: t, next: map[string]int{}}
	startWorker(t, server.server.URL(), port.Subscription{MaxInFlight: 8}, func(_ context.Context, d port.Delivery) error { return p.handled(d) })
	sent := make(chan struct{})
	go func() { defer close(sent); sendMany(t, bus, streams, each) }()
	for part := 1; part <= 2; part++ {
		await(t, "progress", func() bool { return p.count() > part*streams*each/3 })
		server.stop(t)
		server.start(t)
	}
	await(t, "all messages", func() bool { return p.count() == streams*each })
	<-sent
	if p.again > 0 {
		t.Errorf("%d messages were delivered again", p.again)
	}
}

// A consumer that an operator deletes is created again; a running handler continues, and no other starts beside it.
func TestADeletedConsumerIsCreatedAgain(t *testing.T) {
	t.Parallel()
	url := localtest.NATS(t).URL()
	conn := connect(t, url)
	bus := openBus(t, conn, jetstream.BusConfig{})
	entered, leave := make(chan string), make(chan struct{})
	startWorker(t, url, port.Subscription{}, func(_ context.Context, d port.Delivery) error {
		entered <- fmt.Sprint(d.ID, " ", d.Attempt)
		<-leave
		return nil
	})
	for _, id := range []string{"1", "2", "3"} {
		send(t, bus, "a", id)
	}
	first := receive(t, "the first message", entered)
	before := consumers(t, conn)
	js, _ := njs.New(conn)
	for _, name := range before {
		if err := js.DeleteConsumer(t.Context(), "ORX_COMMANDS", name); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "new consumers", func() bool {
		now := consumers(t, conn)
		return len(now) == len(before) && !slices.ContainsFunc(now, func(name string) bool { return slices.Contains(before, name) })
	})
	got := []string{first}
	for range 2 {
		leave <- struct{}{}
		got = append(got, receive(t, "the next message", entered))
	}
	leave <- struct{}{}
	if want := []string{"1 1", "2 1", "3 1"}; !slices.Equal(got, want) {
		t.Errorf("handled %q, not %q", got, want)
	}
}

// consumers are the names of the consumers of commands.
func consumers(t testing.TB, conn *nats.Conn) []string {
	t.Helper()
	js, _ := njs.New(conn)
	stream, err := js.Stream(t.Context(), "ORX_COMMANDS")
	if err != nil {
		t.Fatal(err)
	}
	list := stream.ConsumerNames(t.Context())
	var names []string
	for name := range list.Name() {
		names = append(names, name)
	}
	if list.Err() != nil {
		t.Fatal(list.Err())
	}
	return names
}

// Two workers own two of the four partitions each; alone, one owns them all.
func TestWorkersShareThePartitions(t *testing.T) {
	t.Parallel()
	url := localtest.NATS(t).URL()
	conn := connect(t, url)
	share := func() string { // such as "2+2"
		owned := map[string]int{}
		for _, name := range consumers(t, conn) {
			owned[strings.Split(name, "-")[2]]++
		}
		var counts []string
		for _, n := range owned {
			counts = append(counts, fmt.Sprint(n))
		}
		return strings.Join(counts, "+")
	}
	never := func(context.Context, port.Delivery) error { return nil }
	first := startWorker(t, url, port.Subscription{}, never)
	await(t, "one worker owns all", func() bool { return share() == "4" })
	startWorker(t, url, port.Subscription{}, never)
	await(t, "two workers share", func() bool { return share() == "2+2" })
	first.stop()
	await(t, "the other owns all", func() bool { return share() == "4" })
}

// Two workers on three replicas continue when the node that leads the queue is gone permanently.
func TestMessagesSurviveTheLossOfANode(t *testing.T) {
	t.Parallel()
	const streams, each = 20, 30
	servers, urls := startCluster(t)
	conn := connect(t, urls)
	openReplicated(t, conn)
	open := func(conn *nats.Conn) (bus *jetstream.Bus) {
		err := untilAvailable(t.Context(), func(ctx context.Context) error {
			log, err := jetstream.Open(ctx, conn, jetstream.Config{Partitions: 1, Replicas: 3, AckTimeout: time.Second, AppendBudget: 5 * time.Second, Logger: quiet})
			if err == nil {
				bus, err = jetstream.OpenBus(ctx, log, jetstream.BusConfig{})
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return bus
	}
	bus := open(conn)
	p := &progress{t: t, next: map[string]int{}}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var working sync.WaitGroup
	for range 2 {
		worker := open(connect(t, urls))
		working.Go(func() {
			err := worker.Subscribe(ctx, port.CommandTopic, port.Subscription{Group: "workers", AckWait: 2 * time.Second, MaxInFlight: 8},
				func(_ context.Context, d port.Delivery) error { return p.handled(d) })
			if err != nil {
				t.Errorf("Subscribe: %v", err)
			}
		})
	}
	sent := make(chan struct{})
	go func() { defer close(sent); sendMany(t, bus, streams, each) }()
	await(t, "progress", func() bool { return p.count() > streams*each/3 })
	js, _ := njs.New(conn)
	stream, err := js.Stream(t.Context(), "ORX_COMMANDS")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range servers {
		if s.Name() == stream.CachedInfo().Cluster.Leader {
			s.Shutdown()
		}
	}
	await(t, "all messages", func() bool { return p.count() == streams*each })
	<-sent
	stop()
	working.Wait()
}
