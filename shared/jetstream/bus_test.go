package jetstream_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/port/porttest"
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
	porttest.MessageBus(t, func(t testing.TB) port.MessageBus {
		return openBus(t, connect(t, localtest.NATS(t).URL()), jetstream.BusConfig{})
	})
}
