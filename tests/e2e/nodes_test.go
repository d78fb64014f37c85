package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

// nodes are three nats-servers, each a process of its own, whose routes can be cut.
type nodes struct {
	t       testing.TB
	clients []string // addresses
	servers []*program
	links   map[[2]int]*link // from one node to another
}

const nodeCount = 3

func startNodes(t testing.TB) *nodes {
	t.Helper()
	n := &nodes{t: t, links: map[[2]int]*link{}}
	var routes []string
	for range nodeCount {
		n.clients = append(n.clients, localtest.FreeAddr(t))
		routes = append(routes, localtest.FreeAddr(t))
	}
	unreachable := localtest.FreeAddr(t) // advertised to the other nodes, so that they connect through the links only
	for i := range nodeCount {
		var seeds []string
		for j := range nodeCount {
			if i != j {
				n.links[[2]int{i, j}] = newLink(t, routes[j])
				seeds = append(seeds, fmt.Sprintf("%q", "nats://"+n.links[[2]int{i, j}].addr()))
			}
		}
		dir := t.TempDir()
		config := fmt.Sprintf(`server_name: n%d
listen: %s
jetstream { store_dir: %q, sync_interval: always }
cluster { name: orx, listen: %s, advertise: %s, no_advertise: true, pool_size: -1, routes: [%s] }
`, i, n.clients[i], dir, routes[i], unreachable, strings.Join(seeds, ", "))
		file := filepath.Join(dir, "nats.conf")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		n.servers = append(n.servers, start(t, "nats-server", nil, "-c", file))
	}
	return n
}

func (n *nodes) url() string { return "nats://" + strings.Join(n.clients, ",nats://") }

// leader is the node that leads a partition of the log, of those that the others see.
func (n *nodes) leader(ctx context.Context, partition int) (int, error) {
	connection, err := nats.Connect(n.url(), nats.Timeout(time.Second), nats.MaxReconnects(0))
	if err != nil {
		return 0, err
	}
	defer connection.Close()
	js, err := jetstream.New(connection)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	stream, err := js.Stream(ctx, fmt.Sprintf("ORX_EVENTS_%d", partition))
	if err != nil {
		return 0, err
	}
	var node int
	_, err = fmt.Sscanf(stream.CachedInfo().Cluster.Leader, "n%d", &node)
	return node, err
}

func (n *nodes) awaitLeader(partition int) (node int) {
	n.t.Helper()
	eventually(n.t, "a leader", func() (err error) {
		node, err = n.leader(n.t.Context(), partition)
		return err
	})
	return node
}

// awaitCurrent waits until every replica is current. If a leader is killed before, the others lack its last messages and
// wait for it: three nodes tolerate one fault at a time.
func (n *nodes) awaitCurrent() {
	n.t.Helper()
	for partition := range 4 {
		eventually(n.t, "all replicas are current", func() error { return n.current(n.t.Context(), partition) })
	}
}

func (n *nodes) current(ctx context.Context, partition int) error {
	connection, err := nats.Connect(n.url(), nats.Timeout(time.Second), nats.MaxReconnects(0))
	if err != nil {
		return err
	}
	defer connection.Close()
	js, err := jetstream.New(connection)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	stream, err := js.Stream(ctx, fmt.Sprintf("ORX_EVENTS_%d", partition))
	if err != nil {
		return err
	}
	cluster := stream.CachedInfo().Cluster
	if len(cluster.Replicas) != nodeCount-1 || cluster.Leader == "" {
		return fmt.Errorf("%d replicas, leader %q", len(cluster.Replicas), cluster.Leader)
	}
	for _, r := range cluster.Replicas {
		if !r.Current || r.Offline {
			return fmt.Errorf("%s is behind by %d", r.Name, r.Lag)
		}
	}
	return nil
}

// pause suspends a node until resume is called.
func (n *nodes) pause(node int) (resume func()) {
	n.t.Helper()
	process := n.servers[node].cmd.Process
	if err := process.Signal(sigStop); err != nil {
		n.t.Fatal(err)
	}
	return sync.OnceFunc(func() { _ = process.Signal(sigContinue) })
}

// cut disconnects a node's routes until heal is called.
func (n *nodes) cut(node int) (heal func()) {
	for ends, l := range n.links {
		if ends[0] == node || ends[1] == node {
			l.set(false)
		}
	}
	return func() {
		for _, l := range n.links {
			l.set(true)
		}
	}
}

// link passes TCP connections on to an address, while it is up.
type link struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	up    bool
	conns map[net.Conn]bool
}

func newLink(t testing.TB, target string) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener: listener, target: target, up: true, conns: map[net.Conn]bool{}}
	var serving sync.WaitGroup
	serving.Go(func() { l.serve(&serving) })
	t.Cleanup(func() {
		_ = listener.Close()
		l.set(false)
		serving.Wait()
	})
	return l
}

func (l *link) addr() string { return l.listener.Addr().String() }

func (l *link) serve(serving *sync.WaitGroup) {
	for {
		from, err := l.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", l.target)
		if err != nil || !l.keep(from, to) {
			_ = from.Close()
			continue
		}
		for _, pair := range [][2]net.Conn{{from, to}, {to, from}} {
			serving.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				l.drop(from, to)
			})
		}
	}
}

func (l *link) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		if !l.up {
			_ = c.Close()
		} else {
			l.conns[c] = true
		}
	}
	return l.up
}

func (l *link) drop(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
		delete(l.conns, c)
	}
}

func (l *link) set(up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = up
	if up {
		return
	}
	for c := range l.conns {
		_ = c.Close()
	}
	l.conns = map[net.Conn]bool{}
}
