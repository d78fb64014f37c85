package jetstream_test

import (
	"log/slog"
	"testing"

	"github.com/nats-io/nats.go"

	"orchestrix/shared/es"
	"orchestrix/shared/es/estest"
	"orchestrix/shared/jetstream"
	"orchestrix/shared/local/localtest"
)

var quiet = slog.New(slog.DiscardHandler)

func connect(t testing.TB, url string) *nats.Conn {
	t.Helper()
	conn, err := jetstream.Connect(t.Context(), url, t.Name(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// openLog opens a log on a server of its own.
func openLog(t testing.TB, config jetstream.Config) (*jetstream.Log, *nats.Conn) {
	t.Helper()
	conn := connect(t, localtest.NATS(t).URL())
	config.Logger = quiet
	log, err := jetstream.Open(t.Context(), conn, config)
	if err != nil {
		t.Fatal(err)
	}
	return log, conn
}

func TestLogIsAnEventStore(t *testing.T) {
	t.Parallel()
	estest.EventStore(t, func(t testing.TB) es.EventStore {
		log, _ := openLog(t, jetstream.Config{})
		return log
	})
}

func TestLogIsAFeed(t *testing.T) {
	t.Parallel()
	estest.Feed(t, func(t testing.TB) es.Log {
		log, _ := openLog(t, jetstream.Config{})
		return log
	})
}
