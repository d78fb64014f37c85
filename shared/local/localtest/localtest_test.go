package localtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
)

func TestMain(m *testing.M) { Main(m) }

func query(ctx context.Context, dsn, statement string) (int, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var n int
	err = conn.QueryRow(ctx, statement).Scan(&n)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return n, err
}

func mustQuery(t *testing.T, dsn, statement string) int {
	t.Helper()
	n, err := query(t.Context(), dsn, statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return n
}

func TestEachTestHasItsOwnCopyOfTheTemplate(t *testing.T) {
	t.Parallel()
	name := rand.Text() // with -count, this process may have the template of an earlier run
	var migrations atomic.Int32
	migrate := func(dsn string) error {
		migrations.Add(1)
		_, err := query(context.Background(), dsn, "CREATE TABLE seeds AS SELECT 1 AS n")
		return err
	}
	t.Run("copies", func(t *testing.T) {
		for i := range 8 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				dsn := Template(t, name, migrate)
				mustQuery(t, dsn, "INSERT INTO seeds VALUES (2) RETURNING n")
				if n := mustQuery(t, dsn, "SELECT count(*)::int FROM seeds"); n != 2 {
					t.Errorf("%d rows, want the template's and the inserted one", n)
				}
			})
		}
	})
	if n := migrations.Load(); n != 1 {
		t.Errorf("migrated %d times, want once", n)
	}
}

// A pool closes its connections without waiting until the server has noticed it.
func TestTemplateWaitsForOpenConnections(t *testing.T) {
	t.Parallel()
	var open *pgx.Conn
	s := sharedServer(t)
	database, err := s.prepare("connected", func(dsn string) (err error) {
		open, err = pgx.Connect(context.Background(), dsn)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	name := s.name("copy")
	done := make(chan error, 1)
	go func() { done <- s.copyDatabase(context.Background(), name, database) }()
	if err := open.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("copy after the connection was closed: %v", err)
	}
	if err := s.drop(name); err != nil {
		t.Error(err)
	}
}

func TestPostgresIsEmptyAndDroppedAfterwards(t *testing.T) {
	t.Parallel()
	var dsn string
	t.Run("test", func(t *testing.T) {
		dsn = Postgres(t)
		const tables = "SELECT count(*)::int FROM pg_tables WHERE schemaname = 'public'"
		if n := mustQuery(t, dsn, tables); n != 0 {
			t.Errorf("%d tables in a fresh database", n)
		}
	})
	if _, err := pgx.Connect(t.Context(), dsn); err == nil {
		t.Error("the database is still there after the test")
	}
}

func TestPoolStopsAfterItsLastUserAndStartsAgain(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts two servers")
	}
	var p pool
	for range 2 {
		s, err := p.acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		mustQuery(t, s.url, "SELECT 1")
		if err := p.release(); err != nil {
			t.Fatal(err)
		}
		if p.current != nil {
			t.Error("the server still runs without users")
		}
	}
}

func TestWithDatabase(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"postgres://u:p@h:5432/old?sslmode=disable": "postgres://u:p@h:5432/new?sslmode=disable",
		"postgres://u:p@h:5432":                     "postgres://u:p@h:5432/new",
		"postgres:///old?host=/tmp":                 "postgres:///new?host=/tmp",
		"host=h dbname=old":                         "host=h dbname=old dbname=new",
	} {
		got := withDatabase(dsn, "new")
		if got != want {
			t.Errorf("withDatabase(%q) is %q, want %q", dsn, got, want)
		}
		if config, err := pgx.ParseConfig(got); err != nil || config.Database != "new" {
			t.Errorf("%q names another database: %v", got, err)
		}
	}
}

func TestNATSAnswers(t *testing.T) {
	t.Parallel()
	nc, err := nats.Connect(NATS(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
}
