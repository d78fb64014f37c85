package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	njs "github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// foreign publishes as another client would, with no header but the version that makes a message a commit.
func foreign(t testing.TB, conn *nats.Conn, subject string, version int, body string) {
	t.Helper()
	publishRaw(t, conn, &nats.Msg{Subject: subject, Header: nats.Header{"Orx-Version": {fmt.Sprint(version)}}, Data: []byte(body)})
}

func publishRaw(t testing.TB, conn *nats.Conn, m *nats.Msg) {
	t.Helper()
	js, err := njs.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func foreignBody(s core.Stream, version int) string {
	return fmt.Sprintf(`[{"specversion":"1.0","id":"%[1]s/%[2]s/%[3]d","source":"/default/things","type":"things.Happened","subject":"%[1]s-%[2]s",`+
		`"time":"2026-01-02T03:04:05Z","datacontenttype":"application/json","dataschema":"urn:orchestrix:things.Happened:1","streamversion":%[3]d,"data":{}}]`,
		s.Category, s.ID, version)
}

// A writer without back-pointers costs only speed.
func TestAForeignWriterWithoutBackPointers(t *testing.T) {
	t.Parallel()
	log, conn := openLog(t, jetstream.Config{Partitions: 1})
	s := thing("a")
	revision := mustAppend(t, log, core.Revision{}, happened(s, "c1"))
	foreign(t, conn, "orx.evt.0.default.thing.a", 2, foreignBody(s, 2))
	last, err := log.Last(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, log, last.Revision(), happened(s, "c3"))
	version := core.Version(0)
	for c, err := range port.Read(t.Context(), log, s, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if version++; c.Version != version {
			t.Errorf("version %d is read as number %d", c.Version, version)
		}
	}
	if version != 3 || revision.Version != 1 {
		t.Errorf("read %d versions, not 3", version)
	}
}

func TestAHoleIsNeverFolded(t *testing.T) {
	t.Parallel()
	log, conn := openLog(t, jetstream.Config{Partitions: 1})
	s := thing("a")
	mustAppend(t, log, core.Revision{}, happened(s, "c1"))
	foreign(t, conn, "orx.evt.0.default.thing.a", 3, foreignBody(s, 3)) // version 2 is missing
	var err error
	for _, err = range port.Read(t.Context(), log, s, 0) {
		if err != nil {
			break
		}
	}
	if !errors.Is(err, core.ErrCorrupt) || !strings.Contains(err.Error(), "thing-a") {
		t.Errorf("got %v", err)
	}
}

// A message that is not a commit is delivered to followers with an error, at its position; other streams are unaffected.
func TestMessagesThatAreNoCommits(t *testing.T) {
	t.Parallel()
	log, conn := openLog(t, jetstream.Config{Partitions: 2})
	a := thing("a")
	partition := core.PartitionOf(a.Tenant, a.ID, 2)
	mustAppend(t, log, core.Revision{}, happened(a, "c1"))
	wrong := map[string]string{
		"default.thing.broken":                      `{"no":"batch"}`,
		"default.thing.empty":                       `[]`,
		"default.thing.other":                       foreignBody(a, 1),
		"default.thing.version":                     strings.ReplaceAll(foreignBody(core.Stream{Category: "thing", ID: "version"}, 1), `"streamversion":1`, `"streamversion":0`),
		"default.thing.ümlaut":                      foreignBody(a, 1),
		"default.thing." + inPartition(1-partition): foreignBody(core.Stream{Category: "thing", ID: inPartition(1 - partition)}, 1),
	}
	for subject, body := range wrong {
		foreign(t, conn, fmt.Sprintf("orx.evt.%d.%s", partition, subject), 1, body)
	}
	last, err := log.Last(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, log, last.Revision(), happened(a, "c2"))
	good, bad := 0, 0
	errEnd := errors.New("end")
	err = log.Follow(t.Context(), core.Position{Partition: partition}, 3, func(_ context.Context, b port.Batch) error {
		for _, c := range b.Commits {
			switch {
			case c.Err == nil && c.Stream == a:
				good++
			case errors.Is(c.Err, core.ErrCorrupt) && c.Position.Sequence > 0:
				bad++
			default:
				t.Errorf("%s was delivered as %+v", c.Position, c)
			}
		}
		if b.Pending == 0 {
			return errEnd
		}
		return nil
	})
	if !errors.Is(err, errEnd) || good != 2 || bad != len(wrong) {
		t.Errorf("%d commits and %d others were delivered, not 2 and %d: %v", good, bad, len(wrong), err)
	}
}

// inPartition is an id whose stream belongs into one of two partitions.
func inPartition(partition int) string {
	for n := 0; ; n++ {
		if id := fmt.Sprint("id", n); core.PartitionOf(core.DefaultTenant, id, 2) == partition {
			return id
		}
	}
}
