package jetstream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// startLeaderless starts a server that accepts clients and reaches no leader, as a node that is cut off from its cluster.
func startLeaderless(t testing.TB) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	return s.ClientURL()
}

// A client whose server reaches no leader connects to another server.
func TestFailoverFromAServerWithoutLeader(t *testing.T) {
	t.Parallel()
	healthy, isolated := startServer(t), startLeaderless(t)
	conn, err := jetstream.Connect(t.Context(), healthy.server.URL()+","+isolated, t.Name(), quiet, nats.DontRandomize())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	log := openOn(t, conn, jetstream.Config{AckTimeout: 2 * time.Second, AppendBudget: 3 * time.Second, LostAfter: 4 * time.Second})
	revision := mustAppend(t, log, core.Revision{}, happened(thing("a"), "c1"))
	healthy.stop(t)
	await(t, "the client is on the other server", func() bool { return conn.ConnectedUrl() == isolated })
	healthy.start(t)
	if err := untilAvailable(t.Context(), func(ctx context.Context) error {
		_, err := log.Append(ctx, revision, happened(thing("a"), "c2"))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if conn.ConnectedUrl() == isolated {
		t.Error("the client is still on the server without a leader")
	}
	if _, err := log.Append(t.Context(), revision, happened(thing("a"), "c3")); !errors.Is(err, port.ErrConflict) {
		t.Errorf("an append with a stale revision got %v", err)
	}
}
