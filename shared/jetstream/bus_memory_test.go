package jetstream_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	njs "github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// A worker with the least memory has few of the largest messages at a time, and handles all.
func TestAWorkerHasAFewLargeMessages(t *testing.T) {
	t.Parallel()
	const messages, partitions = 40, 4
	conn := connect(t, localtest.NATS(t).URL())
	bus, err := jetstream.OpenBus(t.Context(), openOn(t, conn, jetstream.Config{Partitions: partitions, HeldBytes: 1}), jetstream.BusConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range messages {
		m := port.Message{ID: fmt.Sprint(i), Sender: "shop", Name: "act", To: thing(fmt.Sprint(i)), Data: make([]byte, port.MaxMessageData)}
		if err := bus.Publish(t.Context(), port.CommandTopic, m); err != nil {
			t.Fatal(err)
		}
	}
	var began atomic.Int32
	handled, proceed := make(chan string, messages), make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- bus.Subscribe(ctx, port.CommandTopic, port.Subscription{Group: "workers"}, func(_ context.Context, d port.Delivery) error {
			began.Add(1)
			<-proceed
			handled <- d.ID
			return nil
		})
	}()
	await(t, "messages in each partition", func() bool { return began.Load() == 2*partitions })
	js, _ := njs.New(conn)
	queue, err := js.Stream(t.Context(), "ORX_COMMANDS")
	if err != nil {
		t.Fatal(err)
	}
	delivered := 0
	for consumer := range queue.ListConsumers(t.Context()).Info() {
		delivered += consumer.NumAckPending
	}
	if began := began.Load(); began > 2*partitions || delivered > 4*partitions { // 2 held, and 2 on their way
		t.Errorf("%d handlers have begun, and %d messages were delivered", began, delivered)
	}
	close(proceed)
	for range messages {
		receive(t, "a message", handled)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
