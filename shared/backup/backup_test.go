package backup_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orchestrix-go/orchestrix/shared/backup"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

func appendThings(t testing.TB, log port.Log, streams, from, to int) {
	t.Helper()
	for s := range streams {
		var revision core.Revision
		for c, err := range port.Read(t.Context(), log, stream(s), 0) {
			if err != nil {
				t.Fatal(err)
			}
			revision = c.Revision()
		}
		for n := from; n < to; n++ {
			var err error
			id := fmt.Sprint("c", n)
			revision, err = log.Append(t.Context(), revision, core.Commit{
				Stream: stream(s), Time: time.Date(2026, 1, 2, 3, n, s, 1000, time.UTC), Command: core.CommandRef{ID: id, Hash: "h" + id},
				CorrelationID: "corr", CausationID: "cause", Trace: core.Trace{Parent: "00-1-2-01"},
				Origin: core.Origin{Sender: "command", Principal: "Ä <b>", Actor: "bot", Via: "process-x/" + id, KeyID: "k"},
				Events: []core.Recorded{{Type: "things.Happened", Schema: 2, Data: []byte(fmt.Sprintf(`{"n":%d,"t":"ü<&"}`, n))}, {Type: "things.Ended", Schema: 1, Data: []byte(`{}`)}},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func stream(n int) core.Stream {
	return core.Stream{Tenant: core.DefaultTenant, Category: "thing", ID: fmt.Sprint("s", n)}
}

// history returns the commits of a stream without their positions and back-pointers, which a restore changes.
func history(t testing.TB, log port.Log, s core.Stream) (commits []core.Commit) {
	t.Helper()
	for c, err := range port.Read(t.Context(), log, s, 0) {
		if err != nil {
			t.Fatal(err)
		}
		c.Position, c.Previous = core.Position{}, nil
		commits = append(commits, c)
	}
	return commits
}

func wantSame(t testing.TB, got, want port.Log, streams int) {
	t.Helper()
	for s := range streams {
		if diff := cmp.Diff(history(t, want, stream(s)), history(t, got, stream(s))); diff != "" {
			t.Fatalf("stream %d differs (- expected, + got):\n%s", s, diff)
		}
	}
}

func write(t testing.TB, log port.Feed, dir string) backup.Report {
	t.Helper()
	r, err := backup.Write(t.Context(), log, dir, backup.WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func streamLog(t testing.TB, partitions int) port.Restorable {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	connection, err := jetstream.Connect(t.Context(), localtest.NATS(t).URL(), "test", quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	log, err := jetstream.Open(t.Context(), connection, jetstream.Config{Partitions: partitions, DuplicateWindow: time.Second, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// A backup is restored into logs of the same and of another kind, with the same and another number of partitions.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	const streams = 12
	dir := t.TempDir()
	log := streamLog(t, 4)
	appendThings(t, log, streams, 0, 5)
	if r := write(t, log, dir); r.Commits != 60 || r.Unreadable != 0 {
		t.Errorf("the first run: %+v", r)
	}
	appendThings(t, log, streams, 5, 8)
	if r := write(t, log, dir); r.Commits != 36 || r.Manifest.Commits() != 96 {
		t.Errorf("the second run: %+v", r)
	}
	if r := write(t, log, dir); r.Commits != 0 {
		t.Errorf("a run with nothing new: %+v", r)
	}
	for name, target := range map[string]port.Restorable{"jetstream, 4": streamLog(t, 4), "jetstream, 7": streamLog(t, 7), "memory, 1": memory.NewLog(1)} {
		r, err := backup.Restore(t.Context(), dir, target, backup.RestoreOptions{})
		if err != nil || r.Commits != 96 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		wantSame(t, target, log, streams)
		if _, err := backup.Restore(t.Context(), dir, target, backup.RestoreOptions{}); !errors.Is(err, port.ErrNotEmpty) {
			t.Errorf("%s: into a log that is not empty: %v", name, err)
		}
		if _, err := backup.Restore(t.Context(), dir, target, backup.RestoreOptions{Continue: true}); !errors.Is(err, port.ErrNotEmpty) {
			t.Errorf("%s: a restore that has ended is continued: %v", name, err)
		}
	}
}

// failingLog rejects appends after left is empty.
type failingLog struct {
	port.Log
	left chan struct{}
}

// failingRestore is a log whose restore is interrupted.
type failingRestore struct {
	port.Restorable
	left chan struct{}
}

func (d failingRestore) BeginRestore(ctx context.Context, id string, again bool) (port.Log, error) {
	log, err := d.Restorable.BeginRestore(ctx, id, again)
	return failingLog{log, d.left}, err
}

func (d failingLog) Append(ctx context.Context, expected core.Revision, c core.Commit) (core.Revision, error) {
	select {
	case <-d.left:
		return d.Log.Append(ctx, expected, c)
	default:
		return core.Revision{}, port.ErrUnavailable
	}
}

func TestAnInterruptedRestoreIsContinued(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := memory.NewLog(4)
	appendThings(t, log, 8, 0, 6)
	write(t, log, dir)
	target := memory.NewLog(2)
	left := make(chan struct{}, 20)
	for range cap(left) {
		left <- struct{}{}
	}
	if _, err := backup.Restore(t.Context(), dir, failingRestore{target, left}, backup.RestoreOptions{}); !errors.Is(err, port.ErrUnavailable) {
		t.Fatalf("the interrupted restore: %v", err)
	}
	_, err := target.Append(t.Context(), core.Revision{}, core.Commit{
		Stream: stream(100), Command: core.CommandRef{ID: "c"}, Events: []core.Recorded{{Type: "things.Ended", Schema: 1, Data: []byte(`{}`)}},
	})
	if !errors.Is(err, port.ErrRestoring) {
		t.Errorf("an append after the interruption: %v", err)
	}
	if _, err := backup.Restore(t.Context(), dir, target, backup.RestoreOptions{}); !errors.Is(err, port.ErrRestoring) {
		t.Errorf("a second restore: %v", err)
	}
	if _, err := backup.Restore(t.Context(), dir, target, backup.RestoreOptions{Continue: true}); err != nil {
		t.Fatal(err)
	}
	wantSame(t, target, log, 8)
}

func TestDamageIsFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := memory.NewLog(1)
	appendThings(t, log, 2, 0, 6)
	r := write(t, log, dir)
	path := filepath.Join(dir, r.Manifest.Partitions[0].Segments[0].File)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	target := memory.NewLog(1)
	if _, err := backup.Restore(t.Context(), dir, target, backup.RestoreOptions{}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged segment: %v", err)
	}
	if head, err := target.Head(t.Context(), 0); err != nil || head.Position.Sequence != 0 {
		t.Errorf("the log ends at %v, %v", head, err)
	}
	other := memory.NewLog(1)
	if _, err := backup.Write(t.Context(), other, dir, backup.WriteOptions{}); !errors.Is(err, backup.ErrOtherLog) {
		t.Errorf("the backup of another log: %v", err)
	}
	if _, err := backup.Restore(t.Context(), t.TempDir(), other, backup.RestoreOptions{}); !errors.Is(err, backup.ErrNoBackup) {
		t.Errorf("an empty directory: %v", err)
	}
}
