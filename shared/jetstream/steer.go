package jetstream

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// steer takes the connection to another server of the cluster when the one that it is on reaches no leader. A node that
// is cut off from the others keeps its clients, and answers them that JetStream is not available, for as long as it
// lasts.
type steer struct {
	conn   *nats.Conn
	after  time.Duration // without any answer of a leader
	logger *slog.Logger
	since  atomic.Int64 // unix nanoseconds of the first of the failures that no answer has followed; 0: there is none
}

// errCodeUnavailable is what a node says that knows of no leader.
const errCodeUnavailable jetstream.ErrorCode = 10008

// note learns from what became of a request that a leader has to answer.
func (s *steer) note(ctx context.Context, err error) {
	if !lost(err) {
		if s.since.Load() != 0 {
			s.since.Store(0)
		}
		return
	}
	now := time.Now().UnixNano()
	if s.since.CompareAndSwap(0, now) {
		return
	}
	since := s.since.Load()
	if since == 0 || now-since < int64(s.after) || len(s.conn.Servers()) < 2 || !s.conn.IsConnected() {
		return
	}
	if s.since.CompareAndSwap(since, now) { // one of all who find out
		s.logger.WarnContext(ctx, "no leader answers through this NATS server, trying another", "server", s.conn.ConnectedUrlRedacted(), "error", err)
		_ = s.conn.ForceReconnect() // it fails on a closed connection, which nobody uses any more
	}
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
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse)
}
