package verify_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
	"github.com/orchestrix-go/orchestrix/shared/runtime/verify"
)

func foreignEvent(s core.Stream, kind string, version int) string {
	return fmt.Sprintf(`[{"specversion":"1.0","id":"%[1]s/%[2]s/%[4]d","source":"/default/counting","type":"counting.%[3]s","subject":"%[1]s-%[2]s",`+
		`"time":"2026-01-02T03:04:05Z","datacontenttype":"application/json","dataschema":"urn:orchestrix:counting.%[3]s:1","streamversion":%[4]d,"data":{"N":1}}]`,
		s.Category, s.ID, kind, version)
}

// Malformed messages that another client writes into the log affect only the streams that they name: views park them, and
// commands to those streams fail.
func TestForeignCommitsHarmNothingElse(t *testing.T) {
	t.Parallel()
	quiet := slog.New(slog.DiscardHandler)
	connection, err := jetstream.Connect(t.Context(), localtest.NATS(t).URL(), "test", quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	log, err := jetstream.Open(t.Context(), connection, jetstream.Config{Partitions: 4, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	views := postgres.NewViews(runtimetest.Database(t))
	registry := runtimetest.TallyRegistry(t, 1, nil)
	p, _ := runtimetest.StartProjector(t, registry, log, views, "one")
	before := runtimetest.FeedCounters(t, log, "a", 6, 4)
	runtimetest.AwaitTallies(t, views, before)

	write := foreignWriter(t, connection)
	junk, unknown, skipped, unstorable := runtimetest.CounterStream("junk"), runtimetest.CounterStream("unknown"), runtimetest.CounterStream("skipped"), runtimetest.CounterStream("unstorable")
	write(junk, 0, 1, `{"not a batch`)
	write(unknown, 0, 1, foreignEvent(unknown, "Forgotten", 1))
	write(skipped, 0, 5, foreignEvent(skipped, "Added", 5))
	write(unstorable, 0, 1, foreignEvent(unstorable, `No\u0000Text`, 1))
	write(runtimetest.CounterStream("misplaced"), 1, 1, foreignEvent(runtimetest.CounterStream("misplaced"), "Added", 1))

	noisy := runtimetest.CounterStream("noisy")
	write(noisy, 0, 0, foreignEvent(noisy, "Added", 1))
	write(noisy, 1, 0, "")

	x := runtimetest.NewExecutor(t, log, nil, command.Config{})
	for stream, want := range map[string]error{"junk": core.ErrCorrupt, "unknown": core.ErrUnknownEvent, "skipped": core.ErrCorrupt, "unstorable": core.ErrUnknownEvent} {
		if _, err := x.Execute(t.Context(), runtimetest.AddCommand(stream, "c", 1)); !errors.Is(err, want) {
			t.Errorf("a command to %s: %v", stream, err)
		}
	}
	after := runtimetest.MergeTallies(before, runtimetest.FeedCounters(t, log, "b", 6, 4))
	delete(after, "odd") // it includes the event whose version was skipped
	runtimetest.AwaitTallies(t, views, after)
	runtimetest.Eventually(t, "what can't be read is parked", func() error {
		failed, err := views.Parked(t.Context(), port.ParkedQuery{View: "by-id", Limit: 10})
		if err != nil || len(failed) != 4 {
			return fmt.Errorf("parked are %+v, %w", failed, err)
		}
		return nil
	})
	for _, r := range p.Status() {
		for _, part := range r.Partitions {
			if part.State != follower.Following {
				t.Errorf("%s is %s: %v", r.Build, part.State, part.Err)
			}
		}
	}
	if r, err := x.Execute(t.Context(), runtimetest.AddCommand("noisy", "c", 1)); err != nil || r.Version != 1 {
		t.Errorf("a command behind what is no commit: %+v, %v", r, err)
	}
	v, err := verify.Run(t.Context(), registry, log, views, verify.Options{LogOnly: true})
	if err != nil || v.Count < 4 || v.NoiseCount != 2 || len(v.Noise) != 2 {
		t.Errorf("verify found %+v, and passed over %+v, %v", v.Findings, v.Noise, err)
	}
}

// foreignWriter publishes as another client would, into the stream's partition or the off-th after it. Version 0 is none: the
// message is no commit.
func foreignWriter(t testing.TB, connection *nats.Conn) func(s core.Stream, off, version int, body string) {
	t.Helper()
	js, err := natsjs.New(connection)
	if err != nil {
		t.Fatal(err)
	}
	return func(s core.Stream, off, version int, body string) {
		t.Helper()
		partition := (core.PartitionOf(s.Tenant, s.ID, 4) + off) % 4
		subject := strings.Join([]string{"orx.evt", fmt.Sprint(partition), s.Tenant, s.Category, s.ID}, ".")
		m := &nats.Msg{Subject: subject, Data: []byte(body)}
		if version > 0 {
			m.Header = nats.Header{"Orx-Version": {fmt.Sprint(version)}}
		}
		if _, err := js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
}
