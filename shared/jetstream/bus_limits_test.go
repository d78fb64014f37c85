package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	njs "github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// A full queue refuses messages with an error that names the cause, and loses none.
func TestAFullQueueRefuses(t *testing.T) {
	t.Parallel()
	url := localtest.NATS(t).URL()
	bus := openBus(t, connect(t, url), jetstream.BusConfig{MaxMessages: 2})
	send(t, bus, "a", "1")
	send(t, bus, "a", "2")
	err := bus.Publish(t.Context(), port.CommandTopic, port.Message{ID: "3", Sender: "shop", Name: "act", To: thing("a")})
	if !errors.Is(err, port.ErrUnavailable) || !strings.Contains(err.Error(), "the queue is full") {
		t.Errorf("the third message got %v", err)
	}
	done := make(chan string, 3)
	startWorker(t, url, port.Subscription{}, func(_ context.Context, d port.Delivery) error {
		done <- d.ID
		return nil
	})
	if first, second := receive(t, "a message", done), receive(t, "a message", done); first != "1" || second != "2" {
		t.Errorf("%s and %s were delivered", first, second)
	}
	err = untilAvailable(t.Context(), func(ctx context.Context) error {
		return bus.Publish(ctx, port.CommandTopic, port.Message{ID: "3", Sender: "shop", Name: "act", To: thing("a")})
	})
	if err != nil || receive(t, "a message", done) != "3" {
		t.Errorf("with room again the third message got %v", err)
	}
}

// While there is no room for a dead letter, its message stays in the queue, and so do those behind it.
func TestADeadLetterWaitsForRoom(t *testing.T) {
	t.Parallel()
	url := localtest.NATS(t).URL()
	bus := openBus(t, connect(t, url), jetstream.BusConfig{MaxMessages: 1})
	attempts := make(chan string, 100)
	startWorker(t, url, port.Subscription{}, func(_ context.Context, d port.Delivery) error {
		attempts <- d.ID
		return port.Terminate(errors.New("no"))
	})
	for _, id := range []string{"1", "2"} {
		if err := untilAvailable(t.Context(), func(ctx context.Context) error {
			return bus.Publish(ctx, port.CommandTopic, port.Message{ID: id, Sender: "shop", Name: "act", To: thing("a")})
		}); err != nil {
			t.Fatal(err)
		}
		receive(t, "message "+id, attempts)
	}
	var dead []port.DeadLetter
	list := func(id string) func() bool {
		return func() bool {
			var err error
			if dead, err = bus.DeadLetters(t.Context(), port.DeadLetterQuery{}); err != nil {
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

// A message of any NATS client is handled if its subject is valid, and becomes a dead letter if not.
func TestMessagesOfOtherClients(t *testing.T) {
	t.Parallel()
	url := localtest.NATS(t).URL()
	conn := connect(t, url)
	bus := openBus(t, conn, jetstream.BusConfig{})
	js, _ := njs.New(conn)
	right := core.PartitionOf(core.DefaultTenant, "a", 4)
	for _, m := range []*nats.Msg{
		{Subject: fmt.Sprintf("orx.cmd.%d.shop.default.thing.a.act", (right+1)%4), Data: []byte("misplaced")},
		{Subject: fmt.Sprintf("orx.cmd.%d.shop.default.thing.%s.act", right, strings.Repeat("x", core.MaxTokenLength+1)), Data: []byte("no token")},
		{Subject: fmt.Sprintf("orx.cmd.%d.shop.default.thing.a.act", right), Data: []byte("fine"), Header: nats.Header{"traceparent": {"00"}, "X-Other": {"y"}}},
	} {
		if _, err := js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	handled := make(chan port.Delivery, 3)
	startWorker(t, url, port.Subscription{}, func(_ context.Context, d port.Delivery) error {
		handled <- d
		return nil
	})
	d := receive(t, "a message", handled)
	if string(d.Data) != "fine" || d.ID == "" || d.To != thing("a") || d.Sender != "shop" || d.Name != "act" || len(d.Header) != 1 || d.Header["traceparent"] != "00" {
		t.Errorf("handled %+v", d)
	}
	var dead []port.DeadLetter
	await(t, "dead letters", func() bool {
		var err error
		if dead, err = bus.DeadLetters(t.Context(), port.DeadLetterQuery{}); err != nil {
			t.Fatal(err)
		}
		return len(dead) == 2
	})
	for _, d := range dead {
		err := bus.RetryDeadLetter(t.Context(), d.Number)
		if wanted := string(d.Data) == "misplaced"; (err == nil) != wanted || err != nil && !errors.Is(err, core.ErrBadToken) {
			t.Errorf("retry of %q: %v", d.Data, err)
		}
	}
	if d := receive(t, "the misplaced message", handled); string(d.Data) != "misplaced" {
		t.Errorf("handled %+v", d)
	}
}

// A message that no worker would read is refused: it would stay in the queue permanently, and use its space.
func TestAMessageToNoPartitionIsRefused(t *testing.T) {
	t.Parallel()
	conn := connect(t, localtest.NATS(t).URL())
	openBus(t, conn, jetstream.BusConfig{})
	js, _ := njs.New(conn)
	for _, partition := range []string{"4", "04", "x", "-1"} {
		if _, err := js.Publish(t.Context(), "orx.cmd."+partition+".shop.default.thing.a.act", nil); !errors.Is(err, njs.ErrNoStreamResponse) {
			t.Errorf("a message to partition %s of 4: %v", partition, err)
		}
	}
	for partition := range 4 {
		if _, err := js.Publish(t.Context(), fmt.Sprintf("orx.cmd.%d.shop.default.thing.a.act", partition), nil); err != nil {
			t.Errorf("a message to partition %d of 4: %v", partition, err)
		}
	}
}

func TestABusWithWrongSettingsIsRefused(t *testing.T) {
	t.Parallel()
	conn := connect(t, localtest.NATS(t).URL())
	log := openOn(t, conn, jetstream.Config{})
	if _, err := jetstream.OpenExistingBus(t.Context(), log); !errors.Is(err, port.ErrUnavailable) {
		t.Errorf("a missing bus: %v", err)
	}
	js, _ := njs.New(conn)
	for what, change := range map[string]func(*njs.StreamConfig){
		"limits retention": func(c *njs.StreamConfig) { c.Retention = njs.LimitsPolicy },
		"discard old":      func(c *njs.StreamConfig) { c.Discard = njs.DiscardOld },
		"other partitions": func(c *njs.StreamConfig) {
			c.Metadata = map[string]string{"orchestrix-partitions": "8", "orchestrix-format": "2"}
		},
		"format 1":  func(c *njs.StreamConfig) { c.Metadata["orchestrix-format"] = "1" },
		"no format": func(c *njs.StreamConfig) { delete(c.Metadata, "orchestrix-format") },
	} {
		config := njs.StreamConfig{
			Name: "ORX_COMMANDS", Subjects: []string{"orx.cmd.>"}, Retention: njs.WorkQueuePolicy, Discard: njs.DiscardNew,
			Metadata: map[string]string{"orchestrix-partitions": "4", "orchestrix-format": "2"},
		}
		change(&config)
		if _, err := js.CreateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		if _, err := jetstream.OpenBus(t.Context(), log, jetstream.BusConfig{}); err == nil || errors.Is(err, port.ErrUnavailable) {
			t.Errorf("%s: %v", what, err)
		}
		if err := js.DeleteStream(t.Context(), "ORX_COMMANDS"); err != nil {
			t.Fatal(err)
		}
	}
}

// With a server of a smaller limit, a message whose dead letter would not fit is refused.
func TestAMessageMustFitAsADeadLetter(t *testing.T) {
	t.Parallel()
	conn := connect(t, localtest.NATS(t, func(o *local.NATSOptions) { o.MaxPayload = 10_000 }).URL())
	bus := openBus(t, conn, jetstream.BusConfig{})
	fits := port.Message{ID: "1", Sender: "s", To: thing("a"), Name: "n", Data: make([]byte, 4000)}
	if err := bus.Publish(t.Context(), port.CommandTopic, fits); err != nil {
		t.Error(err)
	}
	large := port.Message{ID: "2", Sender: "s", To: thing("a"), Name: "n", Data: make([]byte, 9000)}
	if err := bus.Publish(t.Context(), port.CommandTopic, large); !errors.Is(err, port.ErrTooLarge) {
		t.Errorf("a message whose dead letter does not fit: %v", err)
	}
}

// A message of another client, with names and headers above our limits, becomes a dead letter as any other, blocks no
// other message, and can't be retried: NATS disconnects a client that sends a line above its limit.
func TestADeadLetterFitsForAnyMessage(t *testing.T) {
	t.Parallel()
	stream := fmt.Sprintf("orx.cmd.%d.shop.default.thing.", core.PartitionOf(core.DefaultTenant, "a", 4))
	long := func(n int) string { return strings.Repeat("x", n) }
	const line, header = 4060, 65450 // nearly all that NATS takes
	for name, m := range map[string]*nats.Msg{
		"a name":       {Subject: stream + "a." + long(line-len(stream)-2)},
		"a header":     {Subject: stream + "a.act", Header: nats.Header{"orx-text": {long(header)}}},
		"a message id": {Subject: stream + "a.act", Header: nats.Header{"Nats-Msg-Id": {long(header)}}},
		"many headers": {Subject: stream + "a.act", Header: manyHeaders(60)},
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
			handled := make(chan port.Delivery, 3)
			w := startWorker(t, url, port.Subscription{}, func(_ context.Context, d port.Delivery) error {
				if string(d.Data) == "foreign" {
					return port.Terminate(errors.New(long(10_000)))
				}
				handled <- d
				return nil
			})
			if d := receive(t, "the message behind", handled); d.ID != "behind" {
				t.Errorf("handled %+v", d)
			}
			var dead []port.DeadLetter
			await(t, "a dead letter", func() bool {
				var err error
				if dead, err = bus.DeadLetters(t.Context(), port.DeadLetterQuery{}); err != nil {
					t.Fatal(err)
				}
				return len(dead) == 1
			})
			err := bus.RetryDeadLetter(t.Context(), dead[0].Number)
			if string(dead[0].Data) != "foreign" || !errors.Is(err, core.ErrBadToken) && !errors.Is(err, port.ErrTooLarge) {
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
