package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	njs "github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// counts is an observer that counts.
type counts struct{ conflicts, retries, ambiguous atomic.Int64 }

func (c *counts) observer() jetstream.Observer {
	return jetstream.Observer{
		Conflict:     func(core.Stream) { c.conflicts.Add(1) },
		Retry:        func(core.Stream) { c.retries.Add(1) },
		AmbiguousAck: func(core.Stream) { c.ambiguous.Add(1) },
	}
}

// Rule 1: "wrong last sequence" of the server is a conflict, whose cause is the server's error.
func TestAConflictKeepsItsCause(t *testing.T) {
	t.Parallel()
	var seen counts
	log, _ := openLog(t, jetstream.Config{Observer: seen.observer()})
	mustAppend(t, log, core.Revision{}, happened(thing("a"), "c1"))
	_, err := log.Append(t.Context(), core.Revision{}, happened(thing("a"), "c2"))
	var cause *njs.APIError
	if !errors.Is(err, port.ErrConflict) || !strings.Contains(err.Error(), "thing-a") || !errors.As(err, &cause) || cause.ErrorCode != 10071 {
		t.Errorf("got %v", err)
	}
	if seen.conflicts.Load() != 1 || seen.retries.Load() != 0 {
		t.Errorf("%d conflicts and %d retries were seen, not 1 and 0", seen.conflicts.Load(), seen.retries.Load())
	}
}

// Rule 2: a lost acknowledgement is not a failure, and nothing is written twice.
func TestTheResultOfALostAcknowledgementIsRead(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(p *proxy, landed <-chan struct{}, onTop func()){
		"the answer is lost":            func(p *proxy, _ <-chan struct{}, _ func()) { p.swallowAcks.Store(1) },
		"three answers are lost":        func(p *proxy, _ <-chan struct{}, _ func()) { p.swallowAcks.Store(3) },
		"the connection ends before it": func(p *proxy, _ <-chan struct{}, _ func()) { p.cutAtAck.Store(true) },
		"the commit itself is lost":     func(p *proxy, _ <-chan struct{}, _ func()) { p.cutAtPublish.Store(true) },
		"others append after it meanwhile": func(p *proxy, landed <-chan struct{}, onTop func()) {
			p.deaf.Store(true)
			go func() {
				<-landed
				onTop()
				for p.lostAcks.Load() == 0 { // it may still be on its way to the proxy
					time.Sleep(time.Millisecond)
				}
				p.deaf.Store(false)
			}()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := localtest.NATS(t)
			direct := openOn(t, connect(t, server.URL()), jetstream.Config{Partitions: 1})
			p := newProxy(t, server.URL())
			var seen counts
			log := openOn(t, connect(t, p.url()), jetstream.Config{AckTimeout: time.Second, Observer: seen.observer()})
			s := thing("a")
			first := mustAppend(t, log, core.Revision{}, happened(s, "c1"))

			others := 0
			landed := make(chan struct{})
			var watching sync.WaitGroup
			watching.Go(func() { awaitCommand(t, direct, s, "c2"); close(landed) })
			lose(p, landed, func() {
				for last := lastOf(t, direct, s); others < core.MaxPrevious+2; others++ {
					last.Version, last.Position = revisionParts(mustAppend(t, direct, last.Revision(), happened(s, fmt.Sprint("other", others))))
				}
			})
			got, err := log.Append(t.Context(), first, happened(s, "c2"))
			watching.Wait()
			if err != nil || got.Version != 2 || got.Position.Sequence <= first.Position.Sequence {
				t.Errorf("got %+v, %v", got, err)
			}
			if seen.ambiguous.Load() == 0 {
				t.Error("no answer was lost")
			}
			var ids []string
			for c, err := range port.Read(t.Context(), direct, s, 0) {
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, c.Command.ID)
			}
			if len(ids) != 2+others || ids[1] != "c2" {
				t.Errorf("the stream holds %v", ids)
			}
		})
	}
}

func revisionParts(r core.Revision) (core.Version, core.Position) { return r.Version, r.Position }

func lastOf(t testing.TB, log port.Reader, s core.Stream) core.Commit {
	t.Helper()
	last, err := log.LastConfirmed(t.Context(), s)
	if err != nil {
		t.Error(err)
	}
	return last
}

// awaitCommand waits until the commit of a command is in the log.
func awaitCommand(t testing.TB, log port.Reader, s core.Stream, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		for c, err := range port.Read(ctx, log, s, 0) {
			if err == nil && c.Command.ID == id {
				return
			}
		}
	}
	t.Errorf("the commit of %s is not in the log", id)
}

// Rule 3: the message id names the stream, so that one command id on two aggregates makes two commits.
func TestOneCommandIDOnTwoAggregates(t *testing.T) {
	t.Parallel()
	log, _ := openLog(t, jetstream.Config{Partitions: 1})
	a := mustAppend(t, log, core.Revision{}, happened(thing("a"), "same"))
	b := mustAppend(t, log, core.Revision{}, happened(thing("b"), "same"))
	if a.Position == b.Position {
		t.Errorf("both are at %s", a.Position)
	}
}

// Rule 5: while no server takes the commit, it is published again, within the budget.
func TestAnAppendWithoutAServer(t *testing.T) {
	t.Parallel()
	var seen counts
	log, conn := openLog(t, jetstream.Config{Partitions: 1, AppendBudget: 2 * time.Second, Observer: seen.observer()})
	mustAppend(t, log, core.Revision{}, happened(thing("b"), "c0"))
	js, _ := njs.New(conn)
	if err := js.DeleteStream(t.Context(), "ORX_EVENTS_0"); err != nil {
		t.Fatal(err)
	}
	_, err := log.Append(t.Context(), core.Revision{}, happened(thing("a"), "c1"))
	if !errors.Is(err, port.ErrUnavailable) || !errors.Is(err, njs.ErrNoStreamResponse) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if seen.retries.Load() == 0 || seen.ambiguous.Load() != 0 {
		t.Errorf("%d retries and %d ambiguous answers were seen", seen.retries.Load(), seen.ambiguous.Load())
	}
}

// Rule 5 again: a caller that cancels ends the append as well, with an unknown result.
func TestAnAppendEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	server := localtest.NATS(t)
	p := newProxy(t, server.URL())
	log := openOn(t, connect(t, p.url()), jetstream.Config{Partitions: 1})
	mustAppend(t, log, core.Revision{}, happened(thing("b"), "c0"))
	ctx, cancel := context.WithCancel(t.Context())
	p.deaf.Store(true)
	p.onPublish.Store(&cancel)
	_, err := log.Append(ctx, core.Revision{}, happened(thing("a"), "c1"))
	if !errors.Is(err, port.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	p.deaf.Store(false)
	if err := log.Ping(t.Context()); err != nil {
		t.Errorf("a caller that cancelled made the log not ready: %v", err)
	}
}

// Rule 6: a server without free space acknowledges nothing that it does not store.
func TestAFullServerAcknowledgesNothing(t *testing.T) {
	t.Parallel()
	server := localtest.NATS(t, func(o *local.NATSOptions) { o.MaxStore = 64 << 10 })
	conn := connect(t, server.URL())
	log := openOn(t, conn, jetstream.Config{Partitions: 1, AppendBudget: 2 * time.Second})
	revision, acknowledged := core.Revision{}, 0
	for n := range 1000 {
		c := happened(thing("a"), fmt.Sprint(n))
		c.Events[0].Data = []byte(`"` + strings.Repeat("x", 1000) + `"`)
		next, err := log.Append(t.Context(), revision, c)
		if err != nil {
			if !errors.Is(err, port.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			break
		}
		revision, acknowledged = next, acknowledged+1
	}
	if acknowledged == 0 || acknowledged == 1000 {
		t.Fatalf("%d commits were acknowledged", acknowledged)
	}
	if err := log.Ping(t.Context()); !errors.Is(err, port.ErrUnavailable) {
		t.Errorf("the log is full, and a ping got %v", err)
	}
	if err := openOn(t, conn, jetstream.Config{}).Ping(t.Context()); !errors.Is(err, port.ErrUnavailable) {
		t.Errorf("the log is full, and the ping of a client that has not appended got %v", err)
	}
	if last := lastOf(t, log, thing("a")); last.Version != core.Version(acknowledged) {
		t.Errorf("%d commits were acknowledged, the log has %d", acknowledged, last.Version)
	}
}

// A commit above any of the limits is refused before it is sent.
func TestACommitThatIsTooLargeIsNotSent(t *testing.T) {
	t.Parallel()
	log, conn := openLog(t, jetstream.Config{Partitions: 1})
	js, _ := njs.New(conn)
	stream, err := js.Stream(t.Context(), "ORX_EVENTS_0")
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	config.MaxMsgSize = 10_000
	if _, err := js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	limited := openOn(t, conn, jetstream.Config{})
	large := happened(thing("a"), "c1")
	large.Events[0].Data = []byte(`"` + strings.Repeat("x", 10_000) + `"`)
	wordy := happened(thing("a"), "c2")
	wordy.Trace.State = strings.Repeat("x", 70_000)
	for what, tried := range map[string]struct {
		log    *jetstream.Log
		commit core.Commit
		limit  string
	}{
		"the stream's limit": {limited, large, "the log takes 10000"},
		"the headers' limit": {log, wordy, "JetStream takes 65535"},
	} {
		sent := conn.Stats().OutMsgs
		_, err := tried.log.Append(t.Context(), core.Revision{}, tried.commit)
		if !errors.Is(err, port.ErrTooLarge) || !strings.Contains(err.Error(), tried.limit) {
			t.Errorf("%s: got %v", what, err)
		}
		if now := conn.Stats().OutMsgs; now != sent {
			t.Errorf("%s: %d messages were sent", what, now-sent)
		}
	}
	// This log was opened before the limit: the server says so.
	if _, err := log.Append(t.Context(), core.Revision{}, large); !errors.Is(err, port.ErrTooLarge) {
		t.Errorf("refused by the server: got %v", err)
	}
}

// No value can inject a header.
func TestLineBreaksInHeadersAreRefused(t *testing.T) {
	t.Parallel()
	log, _ := openLog(t, jetstream.Config{Partitions: 1})
	for what, change := range map[string]func(*core.Commit){
		"trace state":  func(c *core.Commit) { c.Trace.State = "a\r\nNats-Rollup: all" },
		"trace parent": func(c *core.Commit) { c.Trace.Parent = "a\nb: c" },
		"correlation":  func(c *core.Commit) { c.CorrelationID = "a\rb" },
		"causation":    func(c *core.Commit) { c.CausationID = "\n" },
		"hash":         func(c *core.Commit) { c.Command.Hash = "a\r\n\r\nbody" },
	} {
		c := happened(thing("a"), "c1")
		change(&c)
		if _, err := log.Append(t.Context(), core.Revision{}, c); !errors.Is(err, core.ErrBadToken) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}
