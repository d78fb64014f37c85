package jetstream_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"orchestrix/shared/es"
	"orchestrix/shared/es/estest"
	"orchestrix/shared/jetstream"
	"orchestrix/shared/local/localtest"
)

func openBus(t testing.TB, conn *nats.Conn, config jetstream.BusConfig) *jetstream.Bus {
	t.Helper()
	bus, err := jetstream.OpenBus(t.Context(), openOn(t, conn, jetstream.Config{}), config)
	if err != nil {
		t.Fatal(err)
	}
	return bus
}

func TestBus(t *testing.T) {
	t.Parallel()
	estest.MessageBus(t, func(t testing.TB) es.MessageBus {
		return openBus(t, connect(t, localtest.NATS(t).URL()), jetstream.BusConfig{})
	})
}
