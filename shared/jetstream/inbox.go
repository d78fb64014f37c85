package jetstream

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// inboxes are subscriptions for answers that are reused by later reads. A subscription for each read, or a subject for
// each answer as in the client library, costs the server more than the read: it has to look up the subscribers of a
// subject that it has never seen, and evicts others from its cache.
type inboxes struct {
	conn *nats.Conn
	mu   sync.Mutex
	free []*inbox // the most recently used is the last
}

// maxFreeInboxes is how many unused subscriptions are kept.
const maxFreeInboxes = 256

// inbox receives the answers to the requests of one caller, at most [fetchWindow] at a time.
type inbox struct {
	conn         *nats.Conn
	subscription *nats.Subscription
	answers      chan *nats.Msg
	closed       chan struct{}
	check        *time.Timer
	pending      int    // requests without an answer so far
	reconnects   uint64 // of the connection before the oldest of them
}

// lossCheck is how often a reader checks whether its answer was lost together with a connection.
const lossCheck = 100 * time.Millisecond

// acquire returns an inbox without pending answers. The caller releases it.
func (b *inboxes) acquire() (*inbox, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.free); n > 0 {
		in := b.free[n-1]
		b.free = b.free[:n-1]
		return in, nil
	}
	in := &inbox{conn: b.conn, answers: make(chan *nats.Msg, fetchWindow), closed: make(chan struct{}), check: time.NewTimer(lossCheck)}
	var err error
	if in.subscription, err = b.conn.ChanSubscribe(b.conn.NewInbox(), in.answers); err != nil {
		return nil, err
	}
	in.subscription.SetClosedHandler(func(string) { close(in.closed) })
	if b.conn.IsClosed() { // perhaps before the handler was set
		return nil, nats.ErrConnectionClosed
	}
	return in, nil
}

// release keeps an inbox for the next read. An inbox with pending answers is dropped: the next reader would take them for
// its own.
func (b *inboxes) release(in *inbox) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if in.pending == 0 && len(b.free) < maxFreeInboxes && in.subscription.IsValid() {
		b.free = append(b.free, in)
		return
	}
	_ = in.subscription.Unsubscribe() // it fails only on a closed connection, which has no subscriptions
}

func (in *inbox) sendRequest(subject string, body []byte) error {
	if in.pending == 0 {
		in.reconnects = in.conn.Stats().Reconnects
	}
	err := in.conn.PublishRequest(subject, in.subscription.Subject, body)
	if err == nil {
		in.pending++
	}
	return err
}

// awaitAnswer waits for the next answer to any of the pending requests. It returns [nats.ErrDisconnected] where the connection
// was replaced since: the answer may be lost.
func (in *inbox) awaitAnswer(ctx context.Context) (*nats.Msg, error) {
	in.check.Reset(lossCheck)
	defer in.check.Stop()
	for {
		select {
		case m := <-in.answers:
			in.pending--
			if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
				return nil, nats.ErrNoResponders
			}
			return m, nil
		case <-in.closed:
			return nil, nats.ErrConnectionClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-in.check.C:
			if in.conn.Stats().Reconnects != in.reconnects {
				return nil, nats.ErrDisconnected
			}
			in.check.Reset(lossCheck)
		}
	}
}
