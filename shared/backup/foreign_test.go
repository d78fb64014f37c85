package backup_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	njs "github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/backup"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// foreignLog returns a log of one partition, and a function that publishes into it as any client of NATS may.
func foreignLog(t testing.TB) (log port.Log, publish func(s core.Stream, version int, data string)) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	connection, err := jetstream.Connect(t.Context(), localtest.NATS(t).URL(), "test", quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	if log, err = jetstream.Open(t.Context(), connection, jetstream.Config{Partitions: 1, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	js, err := njs.New(connection)
	if err != nil {
		t.Fatal(err)
	}
	return log, func(s core.Stream, version int, data string) {
		t.Helper()
		body := fmt.Sprintf(`[{"specversion":"1.0","id":"x","source":"/x","type":"things.Happened","subject":"%s","time":"2026-01-02T03:04:05Z",`+
			`"dataschema":"urn:orchestrix:things.Happened:1","streamversion":%d,"data":%s}]`, s, version, data)
		m := &nats.Msg{Subject: "orx.evt.0.default.thing." + s.ID, Data: []byte(body), Header: nats.Header{}}
		if version > 0 { // without one, it is no commit
			m.Header.Set("Orx-Version", fmt.Sprint(version))
		}
		if _, err := js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
}

// Any client of NATS may write events without a command id, and invalid messages. The events are restored, and the invalid
// messages are skipped.
func TestForeignCommitsAreRestored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log, publish := foreignLog(t)
	appendThings(t, log, 1, 0, 2)
	publish(stream(0), 5, `{ "n": 1 }`)
	publish(stream(1), 7, `{}`)
	publish(stream(1), 0, `{}`)
	publish(stream(1), 1, `{}`)
	appendThings(t, log, 1, 2, 3)
	publish(stream(2), 0, `{}`)
	if r := write(t, log, dir); r.Commits != 6 || r.Noise != 2 || r.Unreadable != 0 {
		t.Errorf("the backup: %+v", r)
	}
	if r := write(t, log, dir); r.Commits != 0 {
		t.Errorf("a run with nothing new: %+v", r)
	}
	target := memory.NewLog(2)
	if r, err := backup.Restore(t.Context(), dir, target, backup.RestoreOptions{}); err != nil || r.Commits != 5 || r.Unreadable != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	for s, versions := range []core.Version{7, 1} {
		commits := history(t, target, stream(s))
		if last := commits[len(commits)-1]; last.Version != versions {
			t.Errorf("stream %d ends with version %d, not %d", s, last.Version, versions)
		}
	}
}

// A client may use a command id again after a long time. That is another command, although a restore appends both within a
// short time.
func TestARepeatedCommandIDIsRestored(t *testing.T) {
	t.Parallel()
	dir, log := t.TempDir(), memory.NewLog(1)
	appendThings(t, log, 1, 0, 3)
	last, err := log.Last(t.Context(), stream(0))
	if err != nil {
		t.Fatal(err)
	}
	again := core.Commit{Stream: stream(0), Time: last.Time.Add(time.Hour), Command: core.CommandRef{ID: "c0", Hash: "other"}, Events: last.Events}
	if _, err := log.Append(t.Context(), last.Revision(), again); err != nil {
		t.Fatal(err)
	}
	write(t, log, dir)
	target := streamLog(t, 1)
	if r, err := backup.Restore(t.Context(), dir, target, backup.RestoreOptions{}); err != nil || r.Commits != 4 {
		t.Fatalf("%+v, %v", r, err)
	}
	wantSame(t, target, log, 1)
}
