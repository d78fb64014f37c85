package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	njs "github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// startCluster runs three servers that replicate, and returns them and the URLs for clients.
func startCluster(t testing.TB) ([]*server.Server, string) {
	t.Helper()
	const size = 3
	ports := freePorts(t, size)
	var routes []*url.URL
	for _, port := range ports {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	servers := make([]*server.Server, size)
	urls := make([]string, size)
	for i := range servers {
		s, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprint("n", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: filepath.Join(t.TempDir(), fmt.Sprint(i)), SyncInterval: time.Minute,
			Cluster: server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: ports[i]}, Routes: routes,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		servers[i] = s
	}
	for i, s := range servers {
		if !s.ReadyForConnections(20 * time.Second) {
			t.Fatal("a server of the cluster does not start")
		}
		urls[i] = s.ClientURL()
	}
	await(t, "a cluster of three", func() bool {
		for _, s := range servers {
			if !s.JetStreamIsCurrent() {
				return false
			}
		}
		for _, s := range servers {
			if s.JetStreamIsLeader() {
				return len(s.JetStreamClusterPeers()) == size
			}
		}
		return false
	})
	return servers, strings.Join(urls, ",")
}

func freePorts(t testing.TB, count int) []int {
	t.Helper()
	var ports []int
	for range count {
		addr, err := netip.ParseAddrPort(localtest.FreeAddr(t))
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, int(addr.Port()))
	}
	return ports
}

func openReplicated(t testing.TB, conn *nats.Conn) *jetstream.Log {
	t.Helper()
	var log *jetstream.Log
	err := untilAvailable(t.Context(), func(ctx context.Context) (err error) {
		log, err = jetstream.Open(ctx, conn, jetstream.Config{Partitions: 1, Replicas: 3, Logger: quiet})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// Three replicas answer differently from one: a conflict may have another code, and a commit that is published again is a
// duplicate, or still in process. The loss of the leader costs only time.
func TestThreeReplicas(t *testing.T) {
	t.Parallel()
	servers, urls := startCluster(t)
	conn := connect(t, urls)
	log := openReplicated(t, conn)
	s := thing("a")
	first := mustAppend(t, log, core.Revision{}, happened(s, "c1"))
	second := mustAppend(t, log, first, happened(s, "c2"))
	var cause *njs.APIError
	if _, err := log.Append(t.Context(), first, happened(s, "c3")); !errors.Is(err, port.ErrConflict) || !errors.As(err, &cause) {
		t.Errorf("a stale revision got %v", err)
	}
	if again, err := log.Append(t.Context(), first, happened(s, "c2")); err != nil || again.Position != second.Position {
		t.Errorf("a second try got %+v, %v", again, err)
	}
	if _, err := log.Append(t.Context(), second, happened(s, "c2")); !errors.Is(err, port.ErrConflict) {
		t.Errorf("the same command at another revision got %v", err)
	}
	appendConcurrently(t, log, second, happened(s, "c4"))

	js, _ := njs.New(conn)
	stream, err := js.Stream(t.Context(), "ORX_EVENTS_0")
	if err != nil {
		t.Fatal(err)
	}
	leader := stream.CachedInfo().Cluster.Leader
	checkThrough(t, log, func() {
		for _, s := range servers {
			if s.Name() == leader {
				s.Shutdown()
			}
		}
	})
	if err := untilAvailable(t.Context(), log.Ping); err != nil {
		t.Errorf("two of three servers are running, and a ping got %v", err)
	}
	stopAllButOne(t, log, js, servers)
}

// stopAllButOne leaves one running server. It soon answers for streams whose leader it does not reach, and its answers must
// not be trusted.
func stopAllButOne(t testing.TB, log *jetstream.Log, js njs.JetStream, servers []*server.Server) {
	t.Helper()
	for _, s := range servers {
		if s.Running() {
			s.Shutdown()
			break
		}
	}
	err := untilAvailable(t.Context(), func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		stream, err := js.Stream(ctx, "ORX_EVENTS_0")
		if err != nil || stream.CachedInfo().Cluster.Leader != "" {
			return port.ErrUnavailable
		}
		return nil
	})
	if err != nil {
		t.Fatalf("the last server does not answer for a stream without leader: %v", err)
	}
	if head, err := log.Head(t.Context(), 0); !errors.Is(err, port.ErrUnavailable) {
		t.Errorf("a head without a leader is %+v, %v", head, err)
	}
}

// appendConcurrently appends one commit many times: one is written, and all return its revision.
func appendConcurrently(t testing.TB, log port.Appender, expected core.Revision, c core.Commit) {
	t.Helper()
	var trying sync.WaitGroup
	for range 16 {
		trying.Go(func() {
			if got, err := log.Append(t.Context(), expected, c); err != nil || got.Version != expected.Version+1 {
				t.Errorf("one of many tries got %+v, %v", got, err)
			}
		})
	}
	trying.Wait()
}
