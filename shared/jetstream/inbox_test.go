package jetstream

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

func newInboxes(t testing.TB) *inboxes {
	t.Helper()
	conn, err := nats.Connect(localtest.NATS(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return &inboxes{conn: conn}
}

func mustAcquire(t testing.TB, b *inboxes) *inbox {
	t.Helper()
	in, err := b.acquire()
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func mustSend(t testing.TB, in *inbox, subject, body string) {
	t.Helper()
	if err := in.sendRequest(subject, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

// echo answers requests with their body, those to "late" only when answerLate is called.
func echo(t testing.TB, conn *nats.Conn) (answerLate func()) {
	t.Helper()
	late := make(chan *nats.Msg, 1)
	for subject, handle := range map[string]nats.MsgHandler{
		"now":  func(m *nats.Msg) { _ = m.Respond(m.Data) },
		"late": func(m *nats.Msg) { late <- m },
	} {
		if _, err := conn.Subscribe(subject, handle); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		m := <-late
		if err := m.Respond(m.Data); err != nil {
			t.Error(err)
		}
	}
}

func TestAnInboxIsReused(t *testing.T) {
	t.Parallel()
	b := newInboxes(t)
	echo(t, b.conn)
	others := b.conn.NumSubscriptions()
	for _, body := range []string{"a", "b", "c"} {
		in := mustAcquire(t, b)
		mustSend(t, in, "now", body)
		if m, err := in.awaitAnswer(t.Context()); err != nil || string(m.Data) != body {
			t.Errorf("asked for %s: %v, %v", body, m, err)
		}
		b.release(in)
	}
	if got := b.conn.NumSubscriptions() - others; got != 1 {
		t.Errorf("there are %d subscriptions after three sequential reads", got)
	}
}

// A late answer must not be taken for the answer to a later request: it could be of another aggregate.
func TestALateAnswerReachesNoLaterRead(t *testing.T) {
	t.Parallel()
	b := newInboxes(t)
	answerLate := echo(t, b.conn)
	ended, end := context.WithCancel(t.Context())
	end()
	in := mustAcquire(t, b)
	mustSend(t, in, "late", "old")
	if _, err := in.awaitAnswer(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.release(in)
	answerLate()
	in = mustAcquire(t, b)
	mustSend(t, in, "now", "new")
	if m, err := in.awaitAnswer(t.Context()); err != nil || string(m.Data) != "new" {
		t.Errorf("got %v, %v", m, err)
	}
	b.release(in)
}

func TestAnInboxReportsThatThereIsNoResponder(t *testing.T) {
	t.Parallel()
	b := newInboxes(t)
	in := mustAcquire(t, b)
	mustSend(t, in, "unknown", "")
	if _, err := in.awaitAnswer(t.Context()); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("got %v", err)
	}
	b.release(in)
	if again := mustAcquire(t, b); again != in {
		t.Error("an inbox without pending answers was dropped")
	}
}

func TestAClosedConnectionEndsAwaitAnswer(t *testing.T) {
	t.Parallel()
	b := newInboxes(t)
	echo(t, b.conn)
	in := mustAcquire(t, b)
	mustSend(t, in, "late", "")
	b.conn.Close()
	if _, err := in.awaitAnswer(t.Context()); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("got %v", err)
	}
	b.release(in)
	if _, err := b.acquire(); err == nil {
		t.Error("a closed connection has an inbox")
	}
}
