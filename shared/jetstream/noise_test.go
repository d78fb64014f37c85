package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	njs "github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

const noisySubject = "orx.evt.0.default.thing.a"

// addNoise publishes messages that are no commits: what a server answers, what looks like a commit, and nothing.
func addNoise(t testing.TB, conn *nats.Conn, subject string, count int) {
	t.Helper()
	bodies := []string{`{"type":"io.nats.jetstream.api.v1.stream_info_response"}`, foreignBody(thing("a"), 2), ""}
	for n := range count {
		publishRaw(t, conn, &nats.Msg{Subject: subject, Data: []byte(bodies[n%len(bodies)]), Header: nats.Header{"Orx-Sender": {"command"}}})
	}
}

// wantVersions reads a stream whose commits hold one event each.
func wantVersions(t testing.TB, log port.Reader, s core.Stream, newest core.Version) {
	t.Helper()
	version := core.Version(0)
	for c, err := range port.Read(t.Context(), log, s, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if version++; c.Version != version {
			t.Errorf("version %d is read as number %d", c.Version, version)
		}
	}
	if version != newest {
		t.Errorf("%d versions are read, not %d", version, newest)
	}
}

// Noise anywhere in a subject harms neither reads nor appends, whoever has read what before.
func TestNoiseIsPassedOver(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	observer := jetstream.Observer{Noise: func(string) { seen.Add(1) }}
	log, conn := openLog(t, jetstream.Config{Partitions: 1, Observer: observer})
	s := thing("a")
	addNoise(t, conn, noisySubject, 3)
	for _, last := range []func(context.Context, core.Stream) (core.Commit, error){log.Last, log.LastConfirmed} {
		if _, err := last(t.Context(), s); !errors.Is(err, port.ErrNoStream) {
			t.Errorf("a subject with only noise: %v", err)
		}
	}
	revision := core.Revision{}
	const commits = 20 // more than the back-pointers of one commit
	for n := 1; n <= commits; n++ {
		cold := log
		if n%2 == 0 { // a service that has seen nothing of the noise
			cold = openOn(t, conn, jetstream.Config{Partitions: 1})
		}
		revision = mustAppend(t, cold, revision, happened(s, fmt.Sprint("c", n)))
		addNoise(t, conn, noisySubject, n%4)
		addNoise(t, conn, "orx.evt.0.default.thing.b", n%3)
		last, err := cold.Last(t.Context(), s)
		if err != nil || last.Version != core.Version(n) || last.Position != revision.Position {
			t.Fatalf("the last commit is version %d at %s, %v; not %d at %s", last.Version, last.Position, err, n, revision.Position)
		}
		if n%5 == 0 { // as a cold load does
			revision = last.Revision()
		}
	}
	wantVersions(t, log, s, commits)
	wantVersions(t, openOn(t, conn, jetstream.Config{}), s, commits)
	before := happened(s, "c20")
	if _, err := log.Append(t.Context(), core.Revision{Version: 18, Position: core.Position{Sequence: revision.Previous[1]}}, before); !errors.Is(err, port.ErrConflict) {
		t.Errorf("an append behind noise and another commit: %v", err)
	}
	if seen.Load() == 0 {
		t.Error("no noise was counted")
	}
}

// A follower gets noise as what it is, in its place: its position moves.
func TestFollowersPassOverNoise(t *testing.T) {
	t.Parallel()
	log, conn := openLog(t, jetstream.Config{Partitions: 1})
	s := thing("a")
	addNoise(t, conn, noisySubject, 2)
	revision := mustAppend(t, log, core.Revision{}, happened(s, "c1"))
	addNoise(t, conn, "orx.evt.0.default.thing.ümlaut", 1)
	mustAppend(t, log, revision, happened(s, "c2"))
	addNoise(t, conn, noisySubject, 2)
	kinds, end := "", errors.New("end")
	err := log.Follow(t.Context(), core.Position{}, 3, func(_ context.Context, b port.Batch) error {
		for _, c := range b.Commits {
			switch {
			case c.IsNoise() && c.Stream == core.Stream{} && !c.Time.IsZero():
				kinds += "n"
			case c.Err == nil:
				kinds += c.Version.String()
			}
			if c.Position.Sequence != uint64(len(kinds)) {
				t.Errorf("%s comes as number %d", c.Position, len(kinds))
			}
		}
		if b.Pending == 0 {
			return end
		}
		return nil
	})
	if !errors.Is(err, end) || kinds != "nn1n2nn" {
		t.Errorf("followed %s: %v", kinds, err)
	}
	if c, err := port.CommitAt(t.Context(), log, core.Position{Sequence: 4}); err != nil || !c.IsNoise() {
		t.Errorf("the noise at 4 is %+v, %v", c, err)
	}
}

// The answer to an append is lost, and noise comes before it is asked for.
func TestNoiseAfterALostAcknowledgement(t *testing.T) {
	t.Parallel()
	server := localtest.NATS(t)
	conn := connect(t, server.URL())
	direct := openOn(t, conn, jetstream.Config{Partitions: 1})
	p := newProxy(t, server.URL())
	log := openOn(t, connect(t, p.url()), jetstream.Config{AckTimeout: time.Second})
	s := thing("a")
	first := mustAppend(t, direct, core.Revision{}, happened(s, "c1"))
	addNoise(t, conn, noisySubject, 2)
	p.swallowAcks.Store(2) // the refusal because of the noise, and the acknowledgement
	second := mustAppend(t, log, first, happened(s, "c2"))
	addNoise(t, conn, noisySubject, 1)
	if again := mustAppend(t, log, first, happened(s, "c2")); again.Position != second.Position {
		t.Errorf("the repeated commit is at %s, not %s", again.Position, second.Position)
	}
	wantVersions(t, direct, s, 2)
}

// A forged message id suppresses no commit.
func TestAForgedMessageIDSuppressesNothing(t *testing.T) {
	t.Parallel()
	log, conn := openLog(t, jetstream.Config{Partitions: 1})
	s := thing("a")
	forge := func(subject, id string) {
		publishRaw(t, conn, &nats.Msg{Subject: subject, Data: []byte("junk"), Header: nats.Header{njs.MsgIDHeader: {"default/thing/a/" + id}}})
	}
	forge(noisySubject, "c1")
	forge("orx.evt.0.default.thing.b", "c2")
	revision := mustAppend(t, log, core.Revision{}, happened(s, "c1"))
	revision = mustAppend(t, log, revision, happened(s, "c2"))
	// The id of a commit of the stream itself is the same command.
	revision = mustAppend(t, log, revision, happened(s, "c3"))
	if _, err := log.Append(t.Context(), revision, happened(s, "c3")); !errors.Is(err, port.ErrConflict) {
		t.Errorf("the same command once more: %v", err)
	}
	wantVersions(t, log, s, 3)
}

// A flood of noise makes an aggregate slow, and no more than that. ORCHESTRIX_NOISE sets the number of messages.
func TestAFloodOfNoise(t *testing.T) {
	t.Parallel()
	count := 5000
	if text := os.Getenv("ORCHESTRIX_NOISE"); text != "" {
		count, _ = strconv.Atoi(text)
	}
	log, conn := openLog(t, jetstream.Config{Partitions: 1})
	s := thing("a")
	first := mustAppend(t, log, core.Revision{}, happened(s, "c1"))
	js, err := njs.New(conn, njs.WithPublishAsyncMaxPending(1000))
	if err != nil {
		t.Fatal(err)
	}
	for range count {
		if _, err := js.PublishAsync(noisySubject, nil, njs.WithStallWait(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	cold := openOn(t, conn, jetstream.Config{})
	last, err := core.Commit{}, port.ErrUnavailable
	for attempt := 0; errors.Is(err, port.ErrUnavailable) && attempt < 40; attempt++ { // each continues where the one before has ended
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		last, err = cold.Last(ctx, s)
		cancel()
	}
	if err != nil || last.Position != first.Position {
		t.Fatalf("the last commit is at %s, %v", last.Position, err)
	}
	second := mustAppend(t, cold, first, happened(s, "c2"))
	if second.Position.Sequence != uint64(count)+2 {
		t.Errorf("the next commit is at %s", second.Position)
	}
	wantVersions(t, openOn(t, conn, jetstream.Config{}), s, 2)
}
