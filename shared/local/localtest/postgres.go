package localtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/retry"
)

const (
	sqlTimeout = time.Minute
	// copyAttempts and copyPause bound the wait until the connections to a template are closed.
	copyAttempts = 100
	copyPause    = 50 * time.Millisecond
	// objectInUse is the SQLSTATE for the copy of a database that has open connections.
	objectInUse = "55006"
)

// template is a migrated database that tests get copies of.
type template struct {
	once     sync.Once
	database string
	err      error
}

// Main runs the tests of a package, stops their shared Postgres, and exits. Without it, Postgres stops whenever no test uses
// it, and starts again for the next one. Main also removes files and directories that the tests of the package share, and gives
// the tests a data directory of their own: a dev that they start does not touch that of the user.
func Main(m *testing.M, remove ...string) { os.Exit(runTests(m, remove)) }

func runTests(m *testing.M, remove []string) int {
	shared.keep()
	home, err := local.NewTempDir(context.Background())
	if err == nil {
		err = os.Setenv("XDG_DATA_HOME", home.Path())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "localtest:", err)
		return 1
	}
	code := m.Run()
	if err := home.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, "localtest:", err)
		code = max(code, 1)
	}
	for _, path := range remove {
		if err := os.RemoveAll(path); err != nil {
			fmt.Fprintln(os.Stderr, "localtest:", err)
			code = max(code, 1)
		}
	}
	if err := shared.release(); err != nil {
		fmt.Fprintln(os.Stderr, "localtest:", err)
		code = max(code, 1)
	}
	return code
}

// Postgres returns the connection string of a new, empty database that is dropped when the test ends.
func Postgres(t testing.TB) string {
	t.Helper()
	return freshDatabase(t, sharedServer(t), "template0")
}

// Template returns the connection string of a new database that is dropped when the test ends. It is a copy of
// one that migrate has prepared; migrate runs once per process and name, and must close its connections.
func Template(t testing.TB, name string, migrate func(dsn string) error) string {
	t.Helper()
	s := sharedServer(t)
	tmpl := s.template(name)
	tmpl.once.Do(func() { tmpl.database, tmpl.err = s.prepare(name, migrate) })
	if tmpl.err != nil {
		t.Fatalf("localtest: prepare template %s: %v", name, tmpl.err)
	}
	return freshDatabase(t, s, tmpl.database)
}

// sharedServer returns the shared server, and releases it when the test ends.
func sharedServer(t testing.TB) *server {
	t.Helper()
	s, err := shared.acquire(t.Context())
	if err != nil {
		t.Fatalf("localtest: %v", err)
	}
	t.Cleanup(func() {
		if err := shared.release(); err != nil {
			t.Errorf("localtest: %v", err)
		}
	})
	return s
}

func freshDatabase(t testing.TB, s *server, from string) string {
	t.Helper()
	name := s.name(t.Name())
	if err := s.copyDatabase(t.Context(), name, from); err != nil {
		t.Fatalf("localtest: create a database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.drop(name); err != nil {
			t.Errorf("localtest: drop the test's database: %v", err)
		}
	})
	return withDatabase(s.url, name)
}

// prepare creates a template. It does not use the context of the first test, since other tests wait for the template too.
func (s *server) prepare(name string, migrate func(dsn string) error) (string, error) {
	database := s.name(name)
	if err := s.exec(context.Background(), "CREATE DATABASE "+quote(database)+" TEMPLATE template0"); err != nil {
		return "", err
	}
	s.mu.Lock()
	s.prepared = append(s.prepared, database)
	s.mu.Unlock()
	return database, migrate(withDatabase(s.url, database))
}

// copyDatabase creates a database from a template. It waits until closing connections to the template are gone.
func (s *server) copyDatabase(ctx context.Context, name, from string) error {
	statement := "CREATE DATABASE " + quote(name) + " TEMPLATE " + quote(from)
	for attempt := 1; ; attempt++ {
		err := s.exec(ctx, statement)
		var pgErr *pgconn.PgError
		if !errors.As(err, &pgErr) || pgErr.Code != objectInUse {
			return err
		}
		if attempt == copyAttempts {
			return fmt.Errorf("a connection to the template stays open, perhaps one of migrate: %w", err)
		}
		if !retry.Sleep(ctx, copyPause) {
			return ctx.Err()
		}
	}
}

func (s *server) drop(database string) error {
	return s.exec(context.Background(), "DROP DATABASE IF EXISTS "+quote(database)+" WITH (FORCE)")
}

// exec runs a statement on the server's default database, one at a time.
func (s *server) exec(ctx context.Context, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, sqlTimeout)
	defer cancel()
	s.admin.Lock()
	defer s.admin.Unlock()
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, statement)
	return err
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// withDatabase replaces the database in a connection string.
func withDatabase(dsn, database string) string {
	head, rest, isURL := strings.Cut(dsn, "://")
	if !isURL { // key=value pairs: the last dbname is used
		return dsn + " dbname=" + database
	}
	rest, query, hasQuery := strings.Cut(rest, "?")
	authority, _, _ := strings.Cut(rest, "/")
	dsn = head + "://" + authority + "/" + database
	if hasQuery {
		dsn += "?" + query
	}
	return dsn
}
