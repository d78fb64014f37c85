package jetstream_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	njs "github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// A message is taken for a duplicate only where the queue holds that very message: a forged message id suppresses nothing.
func TestAForgedMessageIDSuppressesNoMessage(t *testing.T) {
	t.Parallel()
	url := localtest.NATS(t).URL()
	conn := connect(t, url)
	bus := openBus(t, conn, jetstream.BusConfig{})
	partition := core.PartitionOf(core.DefaultTenant, "a", 4)
	sent := port.Message{ID: "c1", Sender: "command", To: thing("a"), Name: "act", Header: map[string]string{"orx-command-id": "1"}, Data: []byte("real")}
	for id, forged := range map[string]*nats.Msg{
		"c1": {Subject: fmt.Sprintf("orx.cmd.%d.shop.default.thing.a.act", partition), Data: []byte("real")},
		"c2": {Subject: fmt.Sprintf("orx.cmd.%d.command.default.thing.a.act", partition), Data: []byte("other")},
		"c3": {Subject: fmt.Sprintf("orx.cmd.%d.command.default.thing.a.act", partition), Data: []byte("real"), Header: nats.Header{"orx-command-id": {"2"}}},
	} {
		if forged.Header == nil {
			forged.Header = nats.Header{}
		}
		forged.Header.Set(njs.MsgIDHeader, id)
		publishRaw(t, conn, forged)
		sent.ID = id
		for _, trace := range []string{"00-1", "00-2"} { // the second is the client's repetition
			sent.Header["traceparent"] = trace
			if err := bus.Publish(t.Context(), port.CommandTopic, sent); err != nil {
				t.Fatal(err)
			}
		}
	}
	sent.ID = "c4"
	for range 3 {
		if err := bus.Publish(t.Context(), port.CommandTopic, sent); err != nil {
			t.Fatal(err)
		}
	}
	send(t, bus, "a", "last")
	handled := make(chan port.Delivery, 30)
	startWorker(t, url, port.Subscription{}, func(_ context.Context, d port.Delivery) error {
		handled <- d
		return nil
	})
	ids := map[string]int{}
	for d := receive(t, "a message", handled); d.ID != "last"; d = receive(t, "a message", handled) {
		if d.Sender == "command" && string(d.Data) == "real" && d.Header["orx-command-id"] == "1" {
			ids[d.ID]++
		}
	}
	for _, id := range []string{"c1", "c2", "c3"} { // a repetition of one whose id was forged is stored once more
		if ids[id] == 0 {
			t.Errorf("%s was suppressed", id)
		}
	}
	if ids["c4"] != 1 {
		t.Errorf("c4 was handled %d times", ids["c4"])
	}
	// After its handling, the server still knows the message id; the message is handled again.
	if err := bus.Publish(t.Context(), port.CommandTopic, sent); err != nil {
		t.Fatal(err)
	}
	if d := receive(t, "the message again", handled); d.ID != "c4" {
		t.Errorf("handled %+v", d)
	}
}
