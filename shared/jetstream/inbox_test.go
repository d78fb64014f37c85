package jetstream

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"

	"orchestrix/shared/local/localtest"
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

func mustTake(t testing.TB, b *inboxes) *inbox {
	t.Helper()
	in, err := b.take()
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func mustAsk(t testing.TB, in *inbox, subject, body string) {
	t.Helper()
	if err := in.ask(subject, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

// echo answers requests with what they hold, those to "late" only when it is told to.
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

func TestAnInboxServesOneReadAfterTheOther(t *testing.T) {
	t.Parallel()
	b := newInboxes(t)
	echo(t, b.conn)
	others := b.conn.NumSubscriptions()
	for _, body := range []string{"a", "b", "c"} {
		in := mustTake(t, b)
		mustAsk(t, in, "now", body)
		if m, err := in.answer(t.Context()); err != nil || string(m.Data) != body {
			t.Errorf("asked for %s: %v, %v", body, m, err)
		}
		b.give(in)
	}
	if got := b.conn.NumSubscriptions() - others; got != 1 {
		t.Errorf("there are %d subscriptions after three reads, one after the other", got)
	}
}

// An answer that nobody waited for must not be taken for that to a later request: it could be of another aggregate.
func TestALateAnswerReachesNoOtherRead(t *testing.T) {
	t.Parallel()
	b := newInboxes(t)
	answerLate := echo(t, b.conn)
	ended, end := context.WithCancel(t.Context())
	end()
	in := mustTake(t, b)
	mustAsk(t, in, "late", "old")
	if _, err := in.answer(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.give(in)
	answerLate()
	in = mustTake(t, b)
	mustAsk(t, in, "now", "new")
	if m, err := in.answer(t.Context()); err != nil || string(m.Data) != "new" {
		t.Errorf("got %v, %v", m, err)
	}
	b.give(in)
}

func TestAnInboxTellsThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	b := newInboxes(t)
	in := mustTake(t, b)
	mustAsk(t, in, "nobody", "")
	if _, err := in.answer(t.Context()); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("got %v", err)
	}
	b.give(in)
	if again := mustTake(t, b); again != in {
		t.Error("an inbox without anything to come was given up")
	}
}

func TestAClosedConnectionEndsTheWait(t *testing.T) {
	t.Parallel()
	b := newInboxes(t)
	echo(t, b.conn)
	in := mustTake(t, b)
	mustAsk(t, in, "late", "")
	b.conn.Close()
	if _, err := in.answer(t.Context()); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("got %v", err)
	}
	b.give(in)
	if _, err := b.take(); err == nil {
		t.Error("a closed connection has an inbox")
	}
}
