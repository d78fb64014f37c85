package verify_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"
	"github.com/orchestrix-go/orchestrix/shared/runtime/verify"
)

// Whoever may write the table of snapshots gives a counter a total that it never had. Without a key the next command is decided
// on it; with a key it is not. In both cases verify finds the snapshot.
func TestAForgedSnapshot(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "snapshot.keys")
	if err := os.WriteFile(file, []byte("command-1:"+strings.Repeat("7a", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := postgres.ReadKeyring(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		keys     *postgres.Keyring
		accepted bool
	}{"without keys": {nil, true}, "with keys": {keys, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, log := runtimetest.Database(t), memory.NewLog(1)
			snapshots := postgres.NewSnapshots(db, test.keys)
			saveCounters(t, log, snapshots)
			wantSnapshots(t, log, db, 2)
			forge(t, db)

			x := runtimetest.NewExecutor(t, log, snapshots, command.Config{})
			_, err := x.Execute(t.Context(), runtimetest.AddCommand("rich", "withdraw", -5000))
			if rejected := (*core.Rejection)(nil); test.accepted && err != nil || !test.accepted && !errors.As(err, &rejected) {
				t.Errorf("the withdrawal: %v", err)
			}
			wantSnapshots(t, log, db, 2, "snapshot of counter-rich: the snapshot of version 3 holds another state than the log folds to")
		})
	}
}

// saveCounters gives two counters a total of 1000, in three commits and a snapshot each.
func saveCounters(t *testing.T, log *memory.Log, snapshots port.Snapshots) {
	t.Helper()
	x := runtimetest.NewExecutor(t, log, snapshots, command.Config{})
	for _, id := range []string{"rich", "honest"} {
		for i, n := range []int{500, 300, 200} {
			if _, err := x.Execute(t.Context(), runtimetest.AddCommand(id, fmt.Sprint(id, i), n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := x.Run(stopped); err != nil { // it writes those of the cached aggregates
		t.Fatal(err)
	}
}

// forge writes a snapshot with a checksum, as everyone can compute it.
func forge(t *testing.T, db *postgres.DB) {
	t.Helper()
	plain := postgres.NewSnapshots(db, nil)
	var forged port.Snapshot
	err := plain.Each(t.Context(), 0, func(s port.Snapshot) error {
		if s.Stream.ID == "rich" {
			forged = s
			forged.State = bytes.Replace(s.State, []byte(`{"total":1000}`), []byte(`{"total":9999}`), 1)
		}
		return nil
	})
	if err != nil || !bytes.Contains(forged.State, []byte("9999")) {
		t.Fatalf("%s, %v", forged.State, err)
	}
	if _, err := db.Pool().Exec(t.Context(), "delete from orchestrix.snapshots where id = 'rich'"); err != nil {
		t.Fatal(err)
	}
	if err := plain.Save(t.Context(), []port.Snapshot{forged}); err != nil {
		t.Fatal(err)
	}
}

// wantSnapshots expects that verify compares so many snapshots, all or a sample of them, with these findings.
func wantSnapshots(t *testing.T, log *memory.Log, db *postgres.DB, compared int, findings ...string) {
	t.Helper()
	for _, sample := range []int{0, 100} {
		v, err := verify.Run(t.Context(), runtimetest.CounterRegistry(t), log, memory.NewViews(),
			verify.Options{Sample: sample, LogOnly: true, Snapshots: postgres.NewSnapshots(db, nil)})
		if err != nil || v.Snapshots != compared {
			t.Fatalf("%d snapshots, %v", v.Snapshots, err)
		}
		wantFinding(t, v, findings...)
	}
}

func TestSnapshotsThatTheLogDoesNotHave(t *testing.T) {
	t.Parallel()
	db, log := runtimetest.Database(t), memory.NewLog(1)
	saveCounters(t, log, postgres.NewSnapshots(db, nil))
	for _, statement := range []string{
		"update orchestrix.snapshots set id = 'ghost' where id = 'rich'", "update orchestrix.snapshots set version = 9 where id = 'honest'",
		"insert into orchestrix.snapshots (tenant, category, id, version, schema, state, mac, taken_at) values ('default', 'forgotten', '1', 1, 's', '', '', now())",
		"insert into orchestrix.snapshots (tenant, category, id, version, schema, state, mac, taken_at) values ('default', 'counter', '1', 1, 'of another log', '', '', now())",
	} {
		if _, err := db.Pool().Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	wantSnapshots(t, log, db, 2, "counter-ghost: the snapshot has version 3, which the stream does not have", "counter-honest: the snapshot has version 9, which the stream does not have")
}
