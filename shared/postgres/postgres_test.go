package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
)

func exec(t testing.TB, db *postgres.DB, sql string, args ...any) {
	t.Helper()
	if _, err := db.Pool().Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func tables(t testing.TB, db *postgres.DB) (n int) {
	t.Helper()
	const count = "select count(*) from pg_tables where schemaname = 'orchestrix' and tablename <> 'migrations'"
	if err := db.Pool().QueryRow(t.Context(), count).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMigrationsGoUpAndDownAndUp(t *testing.T) {
	t.Parallel()
	db := connect(t, localtest.Postgres(t))
	for range 2 {
		for range 2 { // the second finds nothing to do
			if err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if tables(t, db) == 0 {
			t.Fatal("there are no tables")
		}
		if err := db.MigrateDown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := tables(t, db); n != 0 {
			t.Fatalf("%d tables are left", n)
		}
	}
}

func TestMigratedComparesTheTablesWithTheProgram(t *testing.T) {
	t.Parallel()
	db := connect(t, localtest.Postgres(t))
	wantError := func(want string) {
		t.Helper()
		err := db.Migrated(t.Context())
		if !errors.Is(err, port.ErrNotMigrated) || !errors.Is(err, port.ErrUnavailable) || !strings.Contains(err.Error(), want) {
			t.Fatalf("got %v, want an error with %q", err, want)
		}
	}
	wantError("do not exist yet")
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Migrated(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, db, "insert into orchestrix.migrations (version_id, is_applied) values (99999, true)")
	if err := db.Migrated(t.Context()); err != nil {
		t.Fatalf("newer tables: %v", err)
	}
	exec(t, db, "delete from orchestrix.migrations where version_id > 1")
	wantError("of migration 1, this program needs")
}

func TestConcurrentMigrations(t *testing.T) {
	t.Parallel()
	dsn := localtest.Postgres(t)
	var starting sync.WaitGroup
	for range 6 {
		db := connect(t, dsn)
		starting.Go(func() {
			if err := db.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	starting.Wait()
	saveSnapshot(t, postgres.NewSnapshots(connect(t, dsn), nil))
}

var someSnapshot = port.Snapshot{
	Stream: core.Stream{Tenant: "default", Category: "thing", ID: "1"}, Version: 7, Schema: "s",
	State: json.RawMessage(`{"n":7}`), Time: time.Now().UTC(),
}

func saveSnapshot(t testing.TB, s *postgres.Snapshots) {
	t.Helper()
	if err := s.Save(t.Context(), []port.Snapshot{someSnapshot}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), someSnapshot.Stream, someSnapshot.Schema); err != nil {
		t.Fatal(err)
	}
}

// A snapshot whose row was changed by another program fails its checksum.
func TestDamagedSnapshotsAreIgnored(t *testing.T) {
	t.Parallel()
	for what, damage := range map[string]string{
		"state":    `update orchestrix.snapshots set state = '{"n":8}'`,
		"version":  `update orchestrix.snapshots set version = 8`,
		"checksum": `update orchestrix.snapshots set mac = ''`,
		"stream":   `update orchestrix.snapshots set id = '2'`,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			db := connect(t, migrated(t))
			snapshots := postgres.NewSnapshots(db, nil)
			saveSnapshot(t, snapshots)
			exec(t, db, damage)
			for _, id := range []string{"1", "2"} {
				s := someSnapshot.Stream
				s.ID = id
				if got, err := snapshots.Load(t.Context(), s, "s"); !errors.Is(err, core.ErrNotFound) {
					t.Errorf("Load is %+v, %v", got, err)
				}
			}
		})
	}
}

func TestWithoutPostgres(t *testing.T) {
	t.Parallel()
	db := connect(t, "postgres://user:geheim@127.0.0.1:1/none")
	views, snapshots := postgres.NewViews(db), postgres.NewSnapshots(db, nil)
	_, get := views.Get(t.Context(), "v", "t", "k")
	_, list := views.List(t.Context(), "v", "t", core.ListQuery{Limit: 1})
	_, load := snapshots.Load(t.Context(), someSnapshot.Stream, "s")
	_, claim := views.Claim(t.Context(), core.ViewSpec{Name: "v", Version: 1}, 0, "me", time.Second)
	for what, err := range map[string]error{
		"Ping": db.Ping(t.Context()), "Migrate": db.Migrate(t.Context()),
		"Get": get, "List": list, "Load": load, "Claim": claim,
		"Save":    snapshots.Save(t.Context(), []port.Snapshot{someSnapshot}),
		"Prepare": views.Prepare(t.Context(), core.ViewSpec{Name: "v", Version: 1}),
	} {
		if !errors.Is(err, port.ErrUnavailable) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := postgres.Connect("postgres://user:geheim@host:port/", postgres.Options{})
	if err == nil || strings.Contains(err.Error(), "geheim") || !strings.Contains(err.Error(), "DATABASE_URL") {
		t.Errorf("Connect: %v", err)
	}
}

func TestBeforeTheMigrations(t *testing.T) {
	t.Parallel()
	views := postgres.NewViews(connect(t, localtest.Postgres(t)))
	_, err := views.Get(t.Context(), "v", "t", "k")
	if !errors.Is(err, port.ErrUnavailable) || !strings.Contains(err.Error(), "services create it") {
		t.Errorf("Get: %v", err)
	}
}

// The server ends the transaction of a worker that freezes in the middle of it and so frees its locks; another worker
// continues. When the first worker wakes up, it writes nothing.
func TestFrozenWorkerLosesItsTransaction(t *testing.T) {
	t.Parallel()
	db := connect(t, migrated(t))
	views := postgres.NewViews(db)
	view := core.ViewSpec{Name: "v", Version: 1, Shared: true}
	if err := views.Prepare(t.Context(), view); err != nil {
		t.Fatal(err)
	}
	paused, err := views.Claim(t.Context(), view, 0, "paused", time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	key := port.DocumentKey{Tenant: "t", Key: "k"}
	update := port.Update{Lease: paused.Lease, To: core.Position{Sequence: 1}, Keys: []port.DocumentKey{key}}
	fold := func(owner string) port.FoldFunc {
		return func(port.FoldInput) (port.FoldResult, error) {
			return port.FoldResult{Writes: []port.DocumentWrite{{DocumentKey: key, Data: json.RawMessage(`"` + owner + `"`)}}}, nil
		}
	}
	wake := make(chan struct{})
	ended := make(chan error)
	late := update
	go func() {
		ended <- views.Apply(context.WithoutCancel(t.Context()), view, late,
			func(current port.FoldInput) (port.FoldResult, error) {
				<-wake
				return fold("paused")(current)
			})
	}()
	next, err := views.Claim(t.Context(), view, 0, "next", time.Hour)
	for errors.Is(err, port.ErrLeased) {
		next, err = views.Claim(t.Context(), view, 0, "next", time.Hour)
	}
	if err != nil {
		t.Fatal(err)
	}
	update.Lease = next.Lease
	if err := views.Apply(t.Context(), view, update, fold("next")); err != nil {
		t.Fatal(err)
	}
	close(wake)
	if err := <-ended; err == nil {
		t.Error("the frozen worker has written")
	}
	if d, err := views.Get(t.Context(), "v", "t", "k"); err != nil || string(d.Data) != `"next"` {
		t.Errorf("the document is %s, %v", d.Data, err)
	}
}

// Lists that filter or sort by a declared field use its index.
func TestListsUseIndexes(t *testing.T) {
	t.Parallel()
	db := connect(t, migrated(t))
	views := postgres.NewViews(db)
	view := core.ViewSpec{Name: "v", Version: 1, Fields: core.Fields{{Name: "name"}, {Name: "price", Kind: core.Number}}}
	if err := views.Prepare(t.Context(), view); err != nil {
		t.Fatal(err)
	}
	exec(t, db, `insert into orchestrix_views.view_v_v1 select 't', 'k' || n, 0, n,
		json_build_object('name', 'n' || n % 1000, 'price', n::text) from generate_series(1, 20000) n`)
	exec(t, db, "analyze orchestrix_views.view_v_v1")
	for what, q := range map[string]core.ListQuery{
		"filter by text":   {Limit: 10, Filter: []core.FieldValue{{Field: "name", Value: "n7"}}},
		"filter by number": {Limit: 10, Filter: []core.FieldValue{{Field: "price", Value: "7.0"}}},
		"sort by number":   {Limit: 10, Sort: "price", Desc: true},
		"sort by text":     {Limit: 10, Sort: "name"},
	} {
		sql, args, err := postgres.ListStatement(view, "t", q)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := db.Pool().Query(t.Context(), "explain "+sql, args...)
		if err != nil {
			t.Fatal(err)
		}
		var plan strings.Builder
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan.WriteString(line + "\n")
		}
		if !strings.Contains(plan.String(), "view_field_") || strings.Contains(plan.String(), "Seq Scan") {
			t.Errorf("%s:\n%s", what, &plan)
		}
	}
}

// After a reader has read the checkpoints of a new active build, it gets no document of the previous build.
func TestNoReadAfterASwitchUsesTheOldBuild(t *testing.T) {
	t.Parallel()
	db := connect(t, migrated(t))
	writing, reading := postgres.NewViews(db), postgres.NewViews(db)
	key := port.DocumentKey{Tenant: core.DefaultTenant, Key: "k"}
	for version := 1; version <= 5; version++ {
		view := core.ViewSpec{Name: "v", Version: version}
		if err := writing.Prepare(t.Context(), view); err != nil {
			t.Fatal(err)
		}
		c, err := writing.Claim(t.Context(), view, 0, "me", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		want := strconv.Itoa(version)
		update := port.Update{Lease: c.Lease, To: core.Position{Sequence: uint64(version)}, Keys: []port.DocumentKey{key}}
		err = writing.Apply(t.Context(), view, update, func(port.FoldInput) (port.FoldResult, error) {
			return port.FoldResult{Writes: []port.DocumentWrite{{DocumentKey: key, Data: json.RawMessage(want)}}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := writing.Activate(t.Context(), view, 1); err != nil {
			t.Fatal(err)
		}
		checkpoints, err := reading.Checkpoints(t.Context(), "v")
		if err != nil || len(checkpoints) != 1 || checkpoints[0].Version != version {
			t.Fatalf("the checkpoints are %+v, %v", checkpoints, err)
		}
		for range 2 {
			if d, err := reading.Get(t.Context(), "v", key.Tenant, key.Key); err != nil || string(d.Data) != want {
				t.Errorf("the document is %s, %v, not %s", d.Data, err, want)
			}
		}
	}
}
