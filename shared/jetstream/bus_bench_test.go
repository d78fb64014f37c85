package jetstream_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	njs "github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// BenchmarkBus compares the bus with a plain publish into an equal stream, and with a queue without order: one consumer,
// whose messages any goroutine acknowledges.
func BenchmarkBus(b *testing.B) {
	b.Run("relaxed", func(b *testing.B) { benchBus(b, time.Minute) })
	b.Run("sync always", func(b *testing.B) { benchBus(b, 0) })
}

func benchBus(b *testing.B, sync time.Duration) {
	server := func(b *testing.B) *nats.Conn {
		return connect(b, localtest.NATS(b, func(o *local.NATSOptions) { o.SyncInterval = sync }).URL())
	}
	b.Run("plain publish", func(b *testing.B) {
		conn := server(b)
		openBus(b, conn, jetstream.BusConfig{})
		js, _ := njs.New(conn)
		spread(b, benchWorkers, func(n int64) error {
			_, err := js.PublishMsg(b.Context(), &nats.Msg{
				Subject: fmt.Sprintf("orx.cmd.%d.s.default.thing.%d.act", n%4, n), Data: payload, Header: nats.Header{njs.MsgIDHeader: {fmt.Sprint(n)}},
			})
			return err
		})
	})
	b.Run("publish", func(b *testing.B) {
		bus := openBus(b, server(b), jetstream.BusConfig{})
		spread(b, benchWorkers, publishTo(b, bus))
	})
	b.Run("publish and handle", func(b *testing.B) {
		conn := server(b)
		bus := openBus(b, conn, jetstream.BusConfig{})
		var handled atomic.Int64
		all := make(chan struct{})
		startWorker(b, conn.ConnectedUrl(), port.Subscription{MaxInFlight: 256}, func(context.Context, port.Delivery) error {
			if handled.Add(1) == int64(b.N) {
				close(all)
			}
			return nil
		})
		await(b, "an owner", func() bool { return len(consumers(b, conn)) == 4 })
		spread(b, benchWorkers, publishTo(b, bus))
		<-all
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
	})
	b.Run("publish and consume without order", func(b *testing.B) {
		conn := server(b)
		bus := openBus(b, conn, jetstream.BusConfig{})
		js, _ := njs.New(conn)
		consumer, err := js.CreateConsumer(b.Context(), "ORX_COMMANDS", njs.ConsumerConfig{Durable: "plain", AckPolicy: njs.AckExplicitPolicy, MaxAckPending: 4096})
		if err != nil {
			b.Fatal(err)
		}
		var handled atomic.Int64
		all := make(chan struct{})
		consuming, err := consumer.Consume(func(m njs.Msg) {
			if err := m.Ack(); err == nil && handled.Add(1) == int64(b.N) {
				close(all)
			}
		})
		if err != nil {
			b.Fatal(err)
		}
		defer consuming.Stop()
		spread(b, benchWorkers, publishTo(b, bus))
		<-all
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
	})
}

func publishTo(b *testing.B, bus port.Publisher) func(int64) error {
	return func(n int64) error {
		return bus.Publish(b.Context(), port.CommandTopic, port.Message{ID: fmt.Sprint(n), Sender: "shop", Name: "act", To: thing(fmt.Sprint("s", n%1000)), Data: payload})
	}
}
