package jetstream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// failover moves the connection to another server of the cluster when the current server reaches no leader. A node that
// is cut off from its cluster keeps its clients, and answers that JetStream is not available. It still answers some of
// their requests: only what a majority has agreed to proves that the node is connected to the cluster.
type failover struct {
	conn   *nats.Conn
	after  time.Duration // of failures without a success between them
	logger *slog.Logger

	failing atomic.Bool // read without the lock by every successful request
	mu      sync.Mutex
	first   time.Time // of the failures in a row
	last    time.Time
}

// errCodeUnavailable is the answer of a node that knows no leader.
const errCodeUnavailable jetstream.ErrorCode = 10008

// succeeded records that a majority has agreed to a request over this connection.
func (f *failover) succeeded() {
	if f.failing.Load() {
		f.failing.Store(false)
	}
}

// failed records the error of a request, and reconnects when requests have reached no leader for long enough. Failures
// that are far apart are unrelated.
func (f *failover) failed(ctx context.Context, err error) {
	if !isNoLeader(err) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if !f.failing.Swap(true) || now.Sub(f.last) > f.after {
		f.first = now
	}
	f.last = now
	if now.Sub(f.first) < f.after || len(f.conn.Servers()) < 2 || !f.conn.IsConnected() {
		return
	}
	f.first = now
	f.logger.WarnContext(ctx, "no leader answers through this NATS server, connecting to another", "server", f.conn.ConnectedUrlRedacted(), "error", err)
	_ = f.conn.ForceReconnect() // it fails only on a closed connection
}

// errLeaderless: the server that answered knows no leader of the stream.
var errLeaderless = errors.New("it has no leader")

// isLeaderless reports whether a replica has answered without knowing a leader: its information may be old.
func isLeaderless(info *jetstream.StreamInfo) bool {
	return info.Cluster != nil && info.Cluster.Leader == ""
}

// electionTime is less than the time for which replicas wait for a silent leader before they elect another: 4 to 9 s.
const electionTime = 3 * time.Second

// isIsolated reports whether a leader has heard too little from its replicas to rule out that they have elected another one.
func isIsolated(cluster *jetstream.ClusterInfo) bool {
	if cluster == nil {
		return false
	}
	heard := 1
	for _, replica := range cluster.Replicas {
		if !replica.Offline && replica.Active < electionTime {
			heard++
		}
	}
	return heard <= (1+len(cluster.Replicas))/2
}

// isNoLeader reports whether an error means that no leader was reached.
func isNoLeader(err error) bool {
	var refused *jetstream.APIError
	switch {
	case err == nil, errors.Is(err, context.Canceled): // the cancellation is the caller's, not the server's
		return false
	case errors.As(err, &refused):
		return refused.ErrorCode == errCodeUnavailable
	}
	return errors.Is(err, errLeaderless) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse)
}
