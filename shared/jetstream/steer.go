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

// steer takes the connection to another server of the cluster when the one that it is on reaches no leader. A node that
// is cut off from the others keeps its clients, and answers them that JetStream is not available, for as long as it
// lasts. It goes on answering some of what they ask: only what a majority has agreed to proves that all is well.
type steer struct {
	conn   *nats.Conn
	after  time.Duration // of failures, none of them followed by a proof
	logger *slog.Logger

	failing atomic.Bool // what most callers need to know
	mu      sync.Mutex
	first   time.Time // of the failures in a row
	last    time.Time
}

// errCodeUnavailable is what a node says that knows of no leader.
const errCodeUnavailable jetstream.ErrorCode = 10008

// works says that a majority has agreed to something that went over this connection.
func (s *steer) works() {
	if s.failing.Load() {
		s.failing.Store(false)
	}
}

// failed learns from a request that a leader did not answer. Failures that are far apart have nothing to do with each
// other.
func (s *steer) failed(ctx context.Context, err error) {
	if !lost(err) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !s.failing.Swap(true) || now.Sub(s.last) > s.after {
		s.first = now
	}
	s.last = now
	if now.Sub(s.first) < s.after || len(s.conn.Servers()) < 2 || !s.conn.IsConnected() {
		return
	}
	s.first = now
	s.logger.WarnContext(ctx, "no leader answers through this NATS server, trying another", "server", s.conn.ConnectedUrlRedacted(), "error", err)
	_ = s.conn.ForceReconnect() // it fails on a closed connection, which nobody uses any more
}

// errLeaderless is that a stream has no leader, as far as the server knows that was asked.
var errLeaderless = errors.New("it has no leader")

// leaderless reports whether a replica speaks only for itself: where it knows of no leader, it answers in the leader's
// place, and what it knows may be old.
func leaderless(info *jetstream.StreamInfo) bool {
	return info.Cluster != nil && info.Cluster.Leader == ""
}

// lost reports whether an error says that no leader was reached.
func lost(err error) bool {
	var refused *jetstream.APIError
	switch {
	case err == nil, errors.Is(err, context.Canceled): // the caller's end says nothing
		return false
	case errors.As(err, &refused):
		return refused.ErrorCode == errCodeUnavailable
	}
	return errors.Is(err, errLeaderless) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse)
}
