package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	njs "github.com/nats-io/nats.go/jetstream"

	"orchestrix/shared/es"
	"orchestrix/shared/jetstream"
	"orchestrix/shared/local"
	"orchestrix/shared/local/localtest"
)

// A queue that is full takes nothing more, says so, and has lost nothing.
func TestAFullQueueRefuses(t *testing.T) {
	t.Parallel()
	url := localtest.NATS(t).URL()
	bus := openBus(t, connect(t, url), jetstream.BusConfig{MaxMessages: 2})
	send(t, bus, "a", "1")
	send(t, bus, "a", "2")
	err := bus.Publish(t.Context(), es.CommandTopic, es.Message{ID: "3", To: thing("a")})
	if !errors.Is(err, es.ErrUnavailable) || !strings.Contains(err.Error(), "the queue is full") {
		t.Errorf("the third message got %v", err)
	}
	done := make(chan string, 3)
	startWorker(t, url, es.Subscription{}, func(_ context.Context, d es.Delivery) error {
		done <- d.ID
		return nil
	})
	if first, second := receive(t, "a message", done), receive(t, "a message", done); first != "1" || second != "2" {
		t.Errorf("%s and %s came", first, second)
	}
	err = untilAvailable(t.Context(), func(ctx context.Context) error {
		return bus.Publish(ctx, es.CommandTopic, es.Message{ID: "3", To: thing("a")})
	})
	if err != nil || receive(t, "a message", done) != "3" {
		t.Errorf("with room again the third message got %v", err)
	}
}

// Where there is no room for a dead letter, its message stays, and so does what is behind it.
func TestADeadLetterWaitsForRoom(t *testing.T) {
	t.Parallel()
	url := localtest.NATS(t).URL()
	bus := openBus(t, connect(t, url), jetstream.BusConfig{MaxMessages: 1})
	attempts := make(chan string, 100)
	startWorker(t, url, es.Subscription{}, func(_ context.Context, d es.Delivery) error {
		attempts <- d.ID
		return es.Terminate(errors.New("no"))
	})
	for _, id := range []string{"1", "2"} {
		if err := untilAvailable(t.Context(), func(ctx context.Context) error {
			return bus.Publish(ctx, es.CommandTopic, es.Message{ID: id, To: thing("a")})
		}); err != nil {
			t.Fatal(err)
		}
		receive(t, "message "+id, attempts)
	}
	var dead []es.DeadLetter
	list := func(id string) func() bool {
		return func() bool {
			var err error
			if dead, err = bus.DeadLetters(t.Context(), es.DeadLetterQuery{}); err != nil {
				t.Fatal(err)
			}
			return len(dead) == 1 && dead[0].ID == id
		}
	}
	await(t, "the first dead letter", list("1"))
	if err := bus.DropDeadLetter(t.Context(), dead[0].Number); err != nil {
		t.Fatal(err)
	}
	await(t, "the second dead letter", list("2"))
	if len(attempts) > 0 {
		t.Errorf("%s was tried again", <-attempts)
	}
}

// What any NATS client publishes is handled where its subject is right, and a dead letter where it is not.
func TestMessagesOfOtherClients(t *testing.T) {
	t.Parallel()
	url := localtest.NATS(t).URL()
	conn := connect(t, url)
	bus := openBus(t, conn, jetstream.BusConfig{})
	js, _ := njs.New(conn)
	right := es.PartitionOf(es.DefaultTenant, "a", 4)
	for _, m := range []*nats.Msg{
		{Subject: fmt.Sprintf("orx.cmd.%d.default.thing.a", (right+1)%4), Data: []byte("misplaced")},
		{Subject: fmt.Sprintf("orx.cmd.%d.default.thing.%s", right, strings.Repeat("x", es.MaxTokenLength+1)), Data: []byte("no token")},
		{Subject: fmt.Sprintf("orx.cmd.%d.default.thing.a", right), Data: []byte("fine"), Header: nats.Header{"traceparent": {"00"}, "X-Other": {"y"}}},
	} {
		if _, err := js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	handled := make(chan es.Delivery, 3)
	startWorker(t, url, es.Subscription{}, func(_ context.Context, d es.Delivery) error {
		handled <- d
		return nil
	})
	d := receive(t, "a message", handled)
	if string(d.Data) != "fine" || d.ID == "" || d.To != thing("a") || len(d.Header) != 1 || d.Header["traceparent"] != "00" {
		t.Errorf("handled %+v", d)
	}
	var dead []es.DeadLetter
	await(t, "dead letters", func() bool {
		var err error
		if dead, err = bus.DeadLetters(t.Context(), es.DeadLetterQuery{}); err != nil {
			t.Fatal(err)
		}
		return len(dead) == 2
	})
	for _, d := range dead {
		err := bus.RetryDeadLetter(t.Context(), d.Number)
		if wanted := string(d.Data) == "misplaced"; (err == nil) != wanted || err != nil && !errors.Is(err, es.ErrBadToken) {
			t.Errorf("retry of %q: %v", d.Data, err)
		}
	}
	if d := receive(t, "what had been misplaced", handled); string(d.Data) != "misplaced" {
		t.Errorf("handled %+v", d)
	}
}

// What no worker would ever read is not taken: it would stay in the queue for good, and leave less room for others.
func TestAMessageToNoPartitionIsRefused(t *testing.T) {
	t.Parallel()
	conn := connect(t, localtest.NATS(t).URL())
	openBus(t, conn, jetstream.BusConfig{})
	js, _ := njs.New(conn)
	for _, partition := range []string{"4", "04", "x", "-1"} {
		if _, err := js.Publish(t.Context(), "orx.cmd."+partition+".default.thing.a", nil); !errors.Is(err, njs.ErrNoStreamResponse) {
			t.Errorf("a message to partition %s of 4: %v", partition, err)
		}
	}
	for partition := range 4 {
		if _, err := js.Publish(t.Context(), fmt.Sprintf("orx.cmd.%d.default.thing.a", partition), nil); err != nil {
			t.Errorf("a message to partition %d of 4: %v", partition, err)
		}
	}
}

func TestABusThatWouldNotWorkIsRefused(t *testing.T) {
	t.Parallel()
	conn := connect(t, localtest.NATS(t).URL())
	log := openOn(t, conn, jetstream.Config{})
	if _, err := jetstream.OpenExistingBus(t.Context(), log); !errors.Is(err, es.ErrUnavailable) {
		t.Errorf("a bus that is not there: %v", err)
	}
	js, _ := njs.New(conn)
	for what, change := range map[string]func(*njs.StreamConfig){
		"limits retention": func(c *njs.StreamConfig) { c.Retention = njs.LimitsPolicy },
		"discard old":      func(c *njs.StreamConfig) { c.Discard = njs.DiscardOld },
		"other partitions": func(c *njs.StreamConfig) { c.Metadata = map[string]string{"orchestrix-partitions": "8"} },
	} {
		config := njs.StreamConfig{
			Name: "ORX_COMMANDS", Subjects: []string{"orx.cmd.*.*.*.*"}, Retention: njs.WorkQueuePolicy, Discard: njs.DiscardNew,
			Metadata: map[string]string{"orchestrix-partitions": "4"},
		}
		change(&config)
		if _, err := js.CreateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		if _, err := jetstream.OpenBus(t.Context(), log, jetstream.BusConfig{}); err == nil || errors.Is(err, es.ErrUnavailable) {
			t.Errorf("%s: %v", what, err)
		}
		if err := js.DeleteStream(t.Context(), "ORX_COMMANDS"); err != nil {
			t.Fatal(err)
		}
	}
}

// A server that takes less than usual refuses a message that would not fit as a dead letter either.
func TestAMessageMustFitAsADeadLetter(t *testing.T) {
	t.Parallel()
	conn := connect(t, localtest.NATS(t, func(o *local.NATSOptions) { o.MaxPayload = 10_000 }).URL())
	bus := openBus(t, conn, jetstream.BusConfig{})
	fits := es.Message{ID: "1", To: thing("a"), Data: make([]byte, 4000)}
	if err := bus.Publish(t.Context(), es.CommandTopic, fits); err != nil {
		t.Error(err)
	}
	large := es.Message{ID: "2", To: thing("a"), Data: make([]byte, 9000)}
	if err := bus.Publish(t.Context(), es.CommandTopic, large); !errors.Is(err, es.ErrTooLarge) {
		t.Errorf("a message that fits only alive: %v", err)
	}
}

// What another client has given names and headers that are longer than ours may be dies as any other, holds nothing up, and
// does not come to life again: NATS cuts a client off for good that sends it more than a line takes.
func TestADeadLetterFitsWhateverDied(t *testing.T) {
	t.Parallel()
	stream := fmt.Sprintf("orx.cmd.%d.default.thing.", es.PartitionOf(es.DefaultTenant, "a", 4))
	long := func(n int) string { return strings.Repeat("x", n) }
	const line, header = 4060, 65450 // nearly all that NATS takes
	for name, m := range map[string]*nats.Msg{
		"a name":       {Subject: stream + long(line-len(stream))},
		"a header":     {Subject: stream + "a", Header: nats.Header{"orx-command": {long(header)}}},
		"a message id": {Subject: stream + "a", Header: nats.Header{"Nats-Msg-Id": {long(header)}}},
		"many headers": {Subject: stream + "a", Header: manyHeaders(60)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := localtest.NATS(t).URL()
			conn := connect(t, url)
			bus := openBus(t, conn, jetstream.BusConfig{})
			m.Data = []byte("foreign")
			if err := conn.PublishMsg(m); err != nil { // its answer would take room
				t.Fatal(err)
			}
			send(t, bus, "a", "behind")
			handled := make(chan es.Delivery, 3)
			w := startWorker(t, url, es.Subscription{}, func(_ context.Context, d es.Delivery) error {
				if string(d.Data) == "foreign" {
					return es.Terminate(errors.New(long(10_000)))
				}
				handled <- d
				return nil
			})
			if d := receive(t, "what is behind", handled); d.ID != "behind" {
				t.Errorf("handled %+v", d)
			}
			var dead []es.DeadLetter
			await(t, "a dead letter", func() bool {
				var err error
				if dead, err = bus.DeadLetters(t.Context(), es.DeadLetterQuery{}); err != nil {
					t.Fatal(err)
				}
				return len(dead) == 1
			})
			err := bus.RetryDeadLetter(t.Context(), dead[0].Number)
			if string(dead[0].Data) != "foreign" || !errors.Is(err, es.ErrBadToken) && !errors.Is(err, es.ErrTooLarge) {
				t.Errorf("retry of %+v: %v", dead[0], err)
			}
			if w.conn.IsClosed() {
				t.Error("the worker has lost its connection")
			}
		})
	}
}

func manyHeaders(kilobytes int) nats.Header {
	header := nats.Header{}
	for n := range kilobytes {
		header[fmt.Sprint("x-", n)] = []string{strings.Repeat("y", 1<<10)}
	}
	return header
}
