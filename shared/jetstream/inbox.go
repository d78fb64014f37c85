package jetstream

import (
	"context"
	"sync"

	"github.com/nats-io/nats.go"
)

// inboxes are subscriptions for answers that are kept from one read to the next. A subscription for each read, or a
// subject of its own for each answer, as the client library's requests have it, costs the server more than the read
// itself: it finds out anew who listens to a subject that it has never seen, and forgets what it knew of others.
type inboxes struct {
	conn *nats.Conn
	mu   sync.Mutex
	free []*inbox // the one that was used last is at the end
}

// keptInboxes is how many subscriptions stay when nobody reads: as many reads at a time are cheap.
const keptInboxes = 256

// inbox takes the answers to one caller's requests, at most [fetchWindow] at a time.
type inbox struct {
	conn         *nats.Conn
	subscription *nats.Subscription
	answers      chan *nats.Msg
	closed       chan struct{}
	due          int // requests whose answer has not come
}

// take returns an inbox that nothing more can come to. It must be given back.
func (b *inboxes) take() (*inbox, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.free); n > 0 {
		in := b.free[n-1]
		b.free = b.free[:n-1]
		return in, nil
	}
	in := &inbox{conn: b.conn, answers: make(chan *nats.Msg, fetchWindow), closed: make(chan struct{})}
	var err error
	if in.subscription, err = b.conn.ChanSubscribe(b.conn.NewInbox(), in.answers); err != nil {
		return nil, err
	}
	in.subscription.SetClosedHandler(func(string) { close(in.closed) })
	if b.conn.IsClosed() { // perhaps before there was a handler
		return nil, nats.ErrConnectionClosed
	}
	return in, nil
}

// give keeps an inbox for the next reader. One that still waits for answers is given up: they must not be taken for
// those to another's requests.
func (b *inboxes) give(in *inbox) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if in.due == 0 && len(b.free) < keptInboxes && in.subscription.IsValid() {
		b.free = append(b.free, in)
		return
	}
	_ = in.subscription.Unsubscribe() // it fails on a closed connection, which has no subscriptions
}

// ask sends a request.
func (in *inbox) ask(subject string, body []byte) error {
	err := in.conn.PublishRequest(subject, in.subscription.Subject, body)
	if err == nil {
		in.due++
	}
	return err
}

// answer waits for the next answer, to whichever request.
func (in *inbox) answer(ctx context.Context) (*nats.Msg, error) {
	select {
	case m := <-in.answers:
		in.due--
		if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
			return nil, nats.ErrNoResponders
		}
		return m, nil
	case <-in.closed:
		return nil, nats.ErrConnectionClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
