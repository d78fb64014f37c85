package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	njs "github.com/nats-io/nats.go/jetstream"

	"orchestrix/shared/es"
	"orchestrix/shared/jetstream"
	"orchestrix/shared/local"
	"orchestrix/shared/local/localtest"
)

func thing(id string) es.Stream {
	return es.Stream{Tenant: es.DefaultTenant, Category: "thing", ID: id}
}

func happened(s es.Stream, id string) es.Commit {
	return es.Commit{
		Stream: s, Time: time.Now().UTC().Truncate(time.Microsecond), Command: es.CommandRef{ID: id, Hash: "h-" + id},
		CorrelationID: id, CausationID: id,
		Events: []es.Recorded{{Type: "things.Happened", Schema: 1, Data: []byte(`{}`)}},
	}
}

func TestTheLogIsWhatTheDesignSays(t *testing.T) {
	t.Parallel()
	log, conn := openLog(t, jetstream.Config{Partitions: 2, DuplicateWindow: time.Minute})
	s := thing("a")
	first, err := log.Append(t.Context(), es.Revision{}, happened(s, "c1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), first, happened(s, "c2")); err != nil {
		t.Fatal(err)
	}
	js, _ := njs.New(conn)
	name := fmt.Sprintf("ORX_EVENTS_%d", es.PartitionOf(s.Tenant, s.ID, 2))
	stream, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	if config.Storage != njs.FileStorage || config.Discard != njs.DiscardNew || !config.DenyDelete || !config.DenyPurge ||
		!config.AllowDirect || !config.AllowAtomicPublish || config.AllowRollup || config.MaxAge != 0 || config.Duplicates != time.Minute {
		t.Errorf("the stream's configuration is %+v", config)
	}
	m, err := stream.GetLastMsgForSubject(t.Context(), strings.Replace(config.Subjects[0], "*.*.*", "default.thing.a", 1))
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"Nats-Msg-Id": "default/thing/a/c2", "Nats-Expected-Last-Subject-Sequence": "1", "Orx-Version": "2", "Orx-Previous": "1",
		"Orx-Command-Hash": "h-c2", "Orx-Correlation-Id": "c2", "Orx-Causation-Id": "c2", "Content-Type": "application/cloudevents-batch+json",
	} {
		if got := m.Header.Get(header); got != want {
			t.Errorf("%s is %q, not %q", header, got, want)
		}
	}
	for _, part := range []string{`"specversion":"1.0"`, `"id":"thing/a/2"`, `"type":"things.Happened"`, `"subject":"thing-a"`, `"streamversion":2`, `"commandid":"c2"`} {
		if !strings.Contains(string(m.Data), part) {
			t.Errorf("%s is not in %s", part, m.Data)
		}
	}
}

func TestPartitionsAreFixed(t *testing.T) {
	t.Parallel()
	_, conn := openLog(t, jetstream.Config{Partitions: 3})
	if _, err := jetstream.Open(t.Context(), conn, jetstream.Config{Partitions: 4, Logger: quiet}); !errors.Is(err, jetstream.ErrPartitions) ||
		!strings.Contains(err.Error(), "ORCHESTRIX_PARTITIONS=3") {
		t.Errorf("with another number of partitions: %v", err)
	}
	log, err := jetstream.OpenExisting(t.Context(), conn, jetstream.Config{Logger: quiet})
	if err != nil || log.Partitions() != 3 {
		t.Errorf("as it is: %v", err)
	}
	empty := connect(t, localtest.NATS(t).URL())
	if _, err := jetstream.OpenExisting(t.Context(), empty, jetstream.Config{Logger: quiet}); !errors.Is(err, es.ErrUnavailable) {
		t.Errorf("where there is no log: %v", err)
	}
}

func TestServicesCreateTheLogTogether(t *testing.T) {
	t.Parallel()
	server := localtest.NATS(t)
	var opening sync.WaitGroup
	for range 8 {
		conn := connect(t, server.URL())
		opening.Go(func() {
			if _, err := jetstream.Open(t.Context(), conn, jetstream.Config{Partitions: 4, Logger: quiet}); err != nil {
				t.Error(err)
			}
		})
	}
	opening.Wait()
}

// proxy stands between a client and its server and can swallow what the server says.
type proxy struct {
	listener net.Listener
	server   string
	swallow  atomic.Bool
}

func newProxy(t testing.TB, server string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, server: strings.TrimPrefix(server, "nats://")}
	t.Cleanup(func() { _ = listener.Close() })
	go p.serve()
	return p
}

func (p *proxy) url() string { return "nats://" + p.listener.Addr().String() }

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
		go func() { _, _ = io.Copy(p.mouth(client), server); _ = client.Close() }()
	}
}

// mouth is where the server's words go.
func (p *proxy) mouth(client io.Writer) io.Writer {
	return writerFunc(func(b []byte) (int, error) {
		if p.swallow.Load() {
			return len(b), nil
		}
		return client.Write(b)
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// Rule 2: an acknowledgement that is lost is not a failure, and nothing is written twice.
func TestALostAcknowledgementIsLookedUp(t *testing.T) {
	t.Parallel()
	server := localtest.NATS(t)
	direct := openOn(t, connect(t, server.URL()), jetstream.Config{})
	p := newProxy(t, server.URL())
	log := openOn(t, connect(t, p.url()), jetstream.Config{AckTimeout: 200 * time.Millisecond})
	s := thing("a")
	first, err := log.Append(t.Context(), es.Revision{}, happened(s, "c1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, after := range map[string]func(es.Revision){
		"ours is the last":      func(es.Revision) {},
		"another one is on top": func(r es.Revision) { mustAppend(t, direct, r, happened(s, "on-top")) },
	} {
		last, err := direct.Last(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		id := "lost when " + name
		id = strings.ReplaceAll(id, " ", "-")
		p.swallow.Store(true)
		var appending sync.WaitGroup
		var got es.Revision
		appending.Go(func() { got, err = log.Append(t.Context(), last.Revision(), happened(s, id)) })
		landed := awaitCommand(t, direct, s, id)
		after(landed.Revision())
		p.swallow.Store(false)
		appending.Wait()
		if err != nil || got.Version != landed.Version || got.Position != landed.Position {
			t.Errorf("%s: got %+v, %v; in the log is %+v", name, got, err, landed.Revision())
		}
	}
	count := 0
	for _, err := range es.Read(t.Context(), direct, s, 0) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count != 4 || first.Version != 1 {
		t.Errorf("the stream has %d commits, not 4", count)
	}
}

func awaitCommand(t testing.TB, log es.Reader, s es.Stream, id string) es.Commit {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		if last, err := log.LastConfirmed(t.Context(), s); err == nil && last.Command.ID == id {
			return last
		}
	}
	t.Fatalf("the commit of %s does not come", id)
	return es.Commit{}
}

func openOn(t testing.TB, conn *nats.Conn, config jetstream.Config) *jetstream.Log {
	t.Helper()
	config.Logger = quiet
	log, err := jetstream.Open(t.Context(), conn, config)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func mustAppend(t testing.TB, log es.Appender, expected es.Revision, c es.Commit) es.Revision {
	t.Helper()
	revision, err := log.Append(t.Context(), expected, c)
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

// Rule 3: the message id names the stream, so that one command id on two aggregates makes two commits.
func TestOneCommandIDOnTwoAggregates(t *testing.T) {
	t.Parallel()
	log, _ := openLog(t, jetstream.Config{Partitions: 1})
	a := mustAppend(t, log, es.Revision{}, happened(thing("a"), "same"))
	b := mustAppend(t, log, es.Revision{}, happened(thing("b"), "same"))
	if a.Position == b.Position {
		t.Errorf("both are at %s", a.Position)
	}
}

// Rules 5 and 6: without an answer nothing is acknowledged, the budget holds, and readiness turns red; when
// the server is back, everything goes on.
func TestWithoutAServerNothingIsAcknowledged(t *testing.T) {
	t.Parallel()
	options := local.NATSOptions{Dir: filepath.Join(t.TempDir(), "nats"), SyncInterval: time.Minute}
	server, err := local.StartNATS(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	options.Addr = strings.TrimPrefix(server.URL(), "nats://")
	log := openOn(t, connect(t, server.URL()), jetstream.Config{AppendBudget: 300 * time.Millisecond, AckTimeout: 100 * time.Millisecond})
	revision := mustAppend(t, log, es.Revision{}, happened(thing("a"), "c1"))
	followed := make(chan error, 1)
	go func() {
		followed <- log.Follow(context.WithoutCancel(t.Context()), es.Position{Partition: revision.Position.Partition}, 10, func(context.Context, es.Batch) error { return nil })
	}()
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), revision, happened(thing("a"), "c2")); !errors.Is(err, es.ErrUnavailable) {
		t.Errorf("an append without a server got %v", err)
	}
	if err := log.Ping(t.Context()); !errors.Is(err, es.ErrUnavailable) {
		t.Errorf("a ping without a server got %v", err)
	}
	if err := <-followed; !errors.Is(err, es.ErrUnavailable) {
		t.Errorf("the follower ended with %v", err)
	}
	if server, err = local.StartNATS(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	deadline := time.Now().Add(20 * time.Second)
	for _, err = log.Append(t.Context(), revision, happened(thing("a"), "c2")); err != nil; _, err = log.Append(t.Context(), revision, happened(thing("a"), "c2")) {
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if err := log.Ping(t.Context()); err != nil {
		t.Errorf("a ping afterwards got %v", err)
	}
}

// Rule 6 again: a server that has no more room acknowledges nothing that it doesn't keep.
func TestAFullServerAcknowledgesNothing(t *testing.T) {
	t.Parallel()
	server := localtest.NATS(t, func(o *local.NATSOptions) { o.MaxStore = 64 << 10 })
	log := openOn(t, connect(t, server.URL()), jetstream.Config{Partitions: 1, AppendBudget: 2 * time.Second})
	revision, acknowledged := es.Revision{}, 0
	for n := range 1000 {
		c := happened(thing("a"), fmt.Sprint(n))
		c.Events[0].Data = []byte(`"` + strings.Repeat("x", 1000) + `"`)
		next, err := log.Append(t.Context(), revision, c)
		if err != nil {
			if !errors.Is(err, es.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			break
		}
		revision, acknowledged = next, acknowledged+1
	}
	if acknowledged == 0 || acknowledged == 1000 {
		t.Fatalf("%d commits were acknowledged", acknowledged)
	}
	if err := log.Ping(t.Context()); err == nil {
		t.Error("the log is full and calls itself ready")
	}
	last, err := log.LastConfirmed(t.Context(), thing("a"))
	if err != nil || last.Version != es.Version(acknowledged) {
		t.Errorf("%d commits were acknowledged, %d are there: %v", acknowledged, last.Version, err)
	}
}
