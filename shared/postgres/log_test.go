package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/port/porttest"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
)

func openLog(t testing.TB, dsn string, partitions int) *postgres.Log {
	t.Helper()
	log, err := postgres.OpenLog(t.Context(), connect(t, dsn), postgres.LogConfig{Partitions: partitions})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func TestLogIsAnEventStore(t *testing.T) {
	t.Parallel()
	porttest.EventStore(t, func(t testing.TB) port.EventStore { return openLog(t, migrated(t), 4) })
}

func TestLogIsAFeed(t *testing.T) {
	t.Parallel()
	porttest.Feed(t, func(t testing.TB) port.Log { return openLog(t, migrated(t), 4) })
}

func TestPartitionsAreFixed(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	openLog(t, dsn, 3)
	if log := openLog(t, dsn, 0); log.Partitions() != 3 {
		t.Errorf("the log has %d partitions", log.Partitions())
	}
	if _, err := postgres.OpenLog(t.Context(), connect(t, dsn), postgres.LogConfig{Partitions: 4}); !errors.Is(err, postgres.ErrPartitions) {
		t.Errorf("with another number: %v", err)
	}
}

// Followers that poll without a pause see every commit of 32 writers with four connections to the log: no commit becomes
// visible before a position that was already read.
func TestFollowersMissNothing(t *testing.T) {
	t.Parallel()
	const writers, each, followers = 32, 150, 4
	dsn := migrated(t)
	logs := []*postgres.Log{openLog(t, dsn, 2), openLog(t, dsn, 2), openLog(t, dsn, 2), openLog(t, dsn, 2)} // one per service
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var seen [followers]atomic.Int64
	var following sync.WaitGroup
	for f := range followers {
		for partition := range 2 {
			following.Go(func() { followContiguous(ctx, t, logs[f], partition, &seen[f]) })
		}
	}
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			var revision core.Revision
			for n := range each {
				var err error
				revision, err = logs[w%len(logs)].Append(ctx, revision, happened(fmt.Sprint("w", w), fmt.Sprint(w, "-", n)))
				if err != nil {
					t.Errorf("Append: %v", err)
					return
				}
			}
		})
	}
	writing.Wait()
	for f := range seen {
		for seen[f].Load() < writers*each && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		if n := seen[f].Load(); n != writers*each {
			t.Errorf("a follower has seen %d of %d commits", n, writers*each)
		}
	}
	cancel()
	following.Wait()
}

// followContiguous follows in small batches, counts the commits and fails where a sequence is missing.
func followContiguous(ctx context.Context, t *testing.T, log *postgres.Log, partition int, seen *atomic.Int64) {
	t.Helper()
	last := uint64(0)
	err := log.Follow(ctx, core.Position{Partition: partition}, 7, func(_ context.Context, b port.Batch) error {
		for _, c := range b.Commits {
			if c.Position.Sequence != last+1 {
				t.Errorf("after sequence %d came %s", last, c.Position)
			}
			last = c.Position.Sequence
			seen.Add(1)
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		t.Errorf("Follow: %v", err)
	}
}

func happened(id, command string) core.Commit {
	return core.Commit{
		Stream: core.Stream{Tenant: core.DefaultTenant, Category: "thing", ID: id}, Time: time.Now().UTC().Truncate(time.Microsecond),
		Command: core.CommandRef{ID: command, Hash: "h"}, CorrelationID: command, CausationID: command,
		Events: []core.Recorded{{Type: "things.Happened", Schema: 1, Data: []byte(`{}`)}},
	}
}

// A commit that Postgres can't store fails alone: those that share its transaction are appended.
func TestARejectedCommitFailsAlone(t *testing.T) {
	t.Parallel()
	log := openLog(t, migrated(t), 1)
	var appending sync.WaitGroup
	for n := range 20 {
		appending.Go(func() {
			c := happened(fmt.Sprint("s", n), "c")
			if n%4 == 0 {
				c.Events[0].Data = []byte("\"\xff\"") // valid JSON syntax, but invalid UTF-8
			}
			_, err := log.Append(t.Context(), core.Revision{}, c)
			if bad := n%4 == 0; bad != (err != nil) || errors.Is(err, port.ErrUnavailable) {
				t.Errorf("append %d: %v", n, err)
			}
		})
	}
	appending.Wait()
}

// Settings under which a crash loses commits are reported.
func TestUnsyncedSettingsAreNamed(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	for _, setting := range []string{"on", "off"} {
		log := openLog(t, dsn+"&options=-c%20synchronous_commit%3D"+setting, 4)
		unsynced, err := log.Unsynced(t.Context())
		if want := setting == "off"; err != nil || slices.Contains(unsynced, "synchronous_commit=off") != want {
			t.Errorf("with synchronous_commit=%s: %v, %v", setting, unsynced, err)
		}
	}
}

func TestLogIsRestorable(t *testing.T) {
	t.Parallel()
	porttest.Restore(t, func(t testing.TB) (log, other port.Restorable) {
		dsn := migrated(t)
		return openLog(t, dsn, 4), openLog(t, dsn, 4)
	})
}

// A log whose restore has not ended is opened by a restore only.
func TestALogThatIsRestoredIsNotOpened(t *testing.T) {
	t.Parallel()
	db := connect(t, migrated(t))
	log, err := postgres.OpenLog(t.Context(), db, postgres.LogConfig{})
	if err == nil {
		_, err = log.BeginRestore(t.Context(), "a", false)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.OpenExistingLog(t.Context(), db, postgres.LogConfig{}); !errors.Is(err, port.ErrRestoring) {
		t.Errorf("opened with %v, want %v", err, port.ErrRestoring)
	}
	if _, err := postgres.OpenExistingLog(t.Context(), db, postgres.LogConfig{Restore: true}); err != nil {
		t.Errorf("the restore can't open it: %v", err)
	}
}
