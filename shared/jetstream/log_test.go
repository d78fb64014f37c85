package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	njs "github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

func TestLogFormat(t *testing.T) {
	t.Parallel()
	log, conn := openLog(t, jetstream.Config{Partitions: 2, DuplicateWindow: time.Minute})
	s := thing("a")
	first, err := log.Append(t.Context(), core.Revision{}, happened(s, "c1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), first, happened(s, "c2")); err != nil {
		t.Fatal(err)
	}
	js, _ := njs.New(conn)
	name := fmt.Sprintf("ORX_EVENTS_%d", core.PartitionOf(s.Tenant, s.ID, 2))
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
		t.Errorf("without a change: %v", err)
	}
	empty := connect(t, localtest.NATS(t).URL())
	if _, err := jetstream.OpenExisting(t.Context(), empty, jetstream.Config{Logger: quiet}); !errors.Is(err, port.ErrNotMigrated) {
		t.Errorf("where there is no log: %v", err)
	}
}

func TestServicesCreateTheLogConcurrently(t *testing.T) {
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

// Two logs with different prefixes share a server and nothing else.
func TestPrefixesKeepLogsApart(t *testing.T) {
	t.Parallel()
	conn := connect(t, localtest.NATS(t).URL())
	one := openOn(t, conn, jetstream.Config{Partitions: 1})
	two := openOn(t, conn, jetstream.Config{Partitions: 2, Prefix: "STAGING"})
	mustAppend(t, one, core.Revision{}, happened(thing("a"), "c1"))
	if _, err := two.Last(t.Context(), thing("a")); !errors.Is(err, port.ErrNoStream) {
		t.Errorf("the other log answers %v", err)
	}
	mustAppend(t, two, core.Revision{}, happened(thing("a"), "c1"))
	if _, err := jetstream.Open(t.Context(), conn, jetstream.Config{Prefix: "a.b", Logger: quiet}); !errors.Is(err, core.ErrBadToken) {
		t.Errorf("a prefix with a dot got %v", err)
	}
}

// The streams of an older format are not opened, and the error says what to do.
func TestALogOfFormat1IsRefused(t *testing.T) {
	t.Parallel()
	_, conn := openLog(t, jetstream.Config{Partitions: 1})
	js, _ := njs.New(conn)
	stream, err := js.Stream(t.Context(), "ORX_EVENTS_0")
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	config.Metadata["orchestrix-format"] = "1"
	if _, err := js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	for _, open := range []func(context.Context, *nats.Conn, jetstream.Config) (*jetstream.Log, error){jetstream.Open, jetstream.OpenExisting} {
		if _, err := open(t.Context(), conn, jetstream.Config{Logger: quiet}); err == nil || errors.Is(err, port.ErrUnavailable) || !strings.Contains(err.Error(), "docs/guides/upgrade.md") {
			t.Errorf("got %v", err)
		}
	}
}

// A partition whose settings were changed so that it deletes messages is refused.
func TestALogThatDeletesIsRefused(t *testing.T) {
	t.Parallel()
	_, conn := openLog(t, jetstream.Config{Partitions: 1})
	js, _ := njs.New(conn)
	stream, err := js.Stream(t.Context(), "ORX_EVENTS_0")
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	config.MaxAge = time.Hour
	if _, err := js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if _, err := jetstream.Open(t.Context(), conn, jetstream.Config{Logger: quiet}); err == nil || !strings.Contains(err.Error(), "ORX_EVENTS_0 would lose events") {
		t.Errorf("got %v", err)
	}
}
