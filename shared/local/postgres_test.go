package local

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func startPG(t *testing.T, o PostgresOptions) *Postgres {
	t.Helper()
	p, err := StartPostgres(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// sql runs a statement and returns its first value as text.
func sql(t *testing.T, url, statement string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var value string
	if err := conn.QueryRow(t.Context(), statement).Scan(&value); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatalf("%s: %v", statement, err)
	}
	return value
}

const (
	createKept = "CREATE TABLE kept AS SELECT 'yes'::text AS it"
	readKept   = "SELECT it FROM kept"
)

func TestPostgresKeepsItsData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), "postgres")
	first := startPG(t, PostgresOptions{Dir: dir})
	sql(t, first.URL(), createKept)
	for statement, want := range map[string]string{
		"SELECT current_database()":                        "orchestrix",
		"SHOW data_checksums":                              "on",
		"SHOW server_encoding":                             "UTF8",
		"SHOW fsync":                                       "on",
		"SHOW listen_addresses":                            "127.0.0.1",
		"SHOW unix_socket_directories":                     "",
		"SELECT datcollate FROM pg_database WHERE oid = 1": "C",
	} {
		if got := sql(t, first.URL(), statement); got != want {
			t.Errorf("%s: %q, want %q", statement, got, want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "password")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("password file: %v, %v; want mode 0600", info, err)
	}
	for range 2 {
		if err := first.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
	if _, err := pgx.Connect(t.Context(), first.URL()); err == nil {
		t.Error("the server still answers after Close")
	}

	second := startPG(t, PostgresOptions{Dir: dir})
	if got := sql(t, second.URL(), readKept); got != "yes" {
		t.Errorf("after a restart: %q, want yes", got)
	}
	rejectsAWrongPassword(t, second)
	rejectsASecondServer(t, dir)
}

func rejectsAWrongPassword(t *testing.T, p *Postgres) {
	t.Helper()
	config, err := pgx.ParseConfig(p.URL())
	if err != nil {
		t.Fatal(err)
	}
	config.Password = "guess"
	if _, err := pgx.ConnectConfig(t.Context(), config); err == nil {
		t.Error("the server accepts a wrong password")
	}
}

func rejectsASecondServer(t *testing.T, dir string) {
	t.Helper()
	if _, err := StartPostgres(t.Context(), PostgresOptions{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second server on the directory: %v, want ErrLocked", err)
	}
}

func TestPostgresUsesTheGivenURL(t *testing.T) {
	t.Parallel()
	p := startPG(t, PostgresOptions{Dir: filepath.Join(tempDir(t), "postgres"), Fast: true})
	given := startPG(t, PostgresOptions{DatabaseURL: p.URL()})
	if given.URL() != p.URL() {
		t.Error("the URL is not the given one")
	}
	if err := given.Close(); err != nil {
		t.Fatal(err)
	}
	sql(t, p.URL(), "SELECT 'still there'") // Close does not stop a server that it did not start

	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := StartPostgres(t.Context(), PostgresOptions{DatabaseURL: p.URL()})
	if err == nil || !strings.Contains(err.Error(), DatabaseURLVariable) {
		t.Errorf("a URL where nothing listens: %v, want an error that names %s", err, DatabaseURLVariable)
	}
}

func TestPostgresRefusesToStart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), "postgres")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	_, err = StartPostgres(t.Context(), PostgresOptions{Dir: dir, Port: port, Fast: true})
	if !errors.Is(err, ErrPortInUse) || !strings.Contains(err.Error(), "--"+FlagPostgresPort) {
		t.Errorf("on a used port: %v, want ErrPortInUse that names --%s", err, FlagPostgresPort)
	}

	config := filepath.Join(dir, dataName, "postgresql.auto.conf")
	if err := os.WriteFile(config, []byte("no_such_setting = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = StartPostgres(t.Context(), PostgresOptions{Dir: dir, Fast: true})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("with a broken configuration: %v, want an error with the end of the log", err)
	}

	version := filepath.Join(dir, dataName, "PG_VERSION")
	if err := os.WriteFile(version, []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = StartPostgres(t.Context(), PostgresOptions{Dir: dir, Fast: true})
	if !errors.Is(err, ErrPostgresVersion) {
		t.Errorf("with a cluster of version 9: %v, want ErrPostgresVersion", err)
	}
}

func TestStartPostgresEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := filepath.Join(tempDir(t), "postgres")
	if _, err := StartPostgres(ctx, PostgresOptions{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("StartPostgres: %v, want context.Canceled", err)
	}
	startPG(t, PostgresOptions{Dir: dir, Fast: true})
}

func TestPostgresNeedsAReachableDirectory(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root hands Postgres to another user")
	}
	parent := filepath.Join(tempDir(t), "closed")
	existing := filepath.Join(parent, "existing")
	for _, dir := range []string{parent, existing} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(tempDir(t), "link")
	if err := os.Symlink(existing, link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{existing, link, filepath.Join(parent, "missing", "too")} {
		_, err := StartPostgres(t.Context(), PostgresOptions{Dir: dir})
		if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), parent) {
			t.Errorf("in %s: %v, want ErrUnreachable that names %s", dir, err, parent)
		}
	}
}
