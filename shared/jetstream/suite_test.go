package jetstream_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/port/porttest"
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

func openOn(t testing.TB, conn *nats.Conn, config jetstream.Config) *jetstream.Log {
	t.Helper()
	config.Logger = quiet
	log, err := jetstream.Open(t.Context(), conn, config)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func mustAppend(t testing.TB, log port.Appender, expected core.Revision, c core.Commit) core.Revision {
	t.Helper()
	revision, err := log.Append(t.Context(), expected, c)
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func thing(id string) core.Stream {
	return core.Stream{Tenant: core.DefaultTenant, Category: "thing", ID: id}
}

// happened is the same commit each time.
func happened(s core.Stream, id string) core.Commit {
	return core.Commit{
		Stream: s, Time: time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC), Command: core.CommandRef{ID: id, Hash: "h-" + id},
		CorrelationID: id, CausationID: id,
		Events: []core.Recorded{{Type: "things.Happened", Schema: 1, Data: []byte(`{}`)}},
	}
}

func TestLogIsAnEventStore(t *testing.T) {
	t.Parallel()
	porttest.EventStore(t, func(t testing.TB) port.EventStore {
		log, _ := openLog(t, jetstream.Config{})
		return log
	})
}

func TestLogIsAFeed(t *testing.T) {
	t.Parallel()
	porttest.Feed(t, func(t testing.TB) port.Log {
		log, _ := openLog(t, jetstream.Config{})
		return log
	})
}
