package main

import (
	"context"
	"errors"
	"fmt"
	neturl "net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/orchestrix-go/orchestrix/shared/local"
)

// bench is what all rows share: binaries, a directory, and Postgres, which is started on first use.
type bench struct {
	settings settings
	temp     *local.TempDir
	bin      string
	postgres *database
	count    int
}

func newBench(ctx context.Context, s settings) (*bench, error) {
	temp, err := local.NewTempDir(ctx)
	if err != nil {
		return nil, err
	}
	b := &bench{settings: s, temp: temp, bin: filepath.Join(temp.Path(), "bin")}
	progress("building nats-server and the services")
	if err := b.build(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("build (inside the repository): %w", err), b.close())
	}
	return b, nil
}

// build builds the services in their module, since this one does not know all that they need, and nats-server in this one.
func (b *bench) build(ctx context.Context) error {
	const module = "github.com/orchestrix-go/orchestrix"
	root, err := output(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	if err != nil {
		return err
	}
	into := b.bin + string(filepath.Separator)
	_, err = output(ctx, "go", "build", "-C", strings.TrimSpace(root), "-o", into, "./services/command", "./services/projection", "./services/query")
	if err == nil {
		_, err = output(ctx, "go", "build", "-o", into, "github.com/nats-io/nats-server/v2")
	}
	return err
}

// output returns what a program prints. Its error holds the output.
func output(ctx context.Context, program string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return string(out), err
}

func (b *bench) close() error {
	var err error
	if b.postgres != nil {
		err = b.postgres.server.Close()
	}
	return errors.Join(err, b.temp.Remove())
}

// dir makes a directory of its own.
func (b *bench) dir(name string) (string, error) {
	b.count++
	path := filepath.Join(b.temp.Path(), fmt.Sprintf("%s-%d", name, b.count))
	return path, os.MkdirAll(path, 0o700)
}

// database is the Postgres of a benchmark, with default settings, fsync and synchronous_commit included.
type database struct {
	server *local.Postgres
	proc   *process
}

func (b *bench) startPostgres(ctx context.Context) (*database, error) {
	if b.postgres != nil {
		return b.postgres, nil
	}
	dir := filepath.Join(b.temp.Path(), "postgres")
	server, err := local.StartPostgres(ctx, local.PostgresOptions{DatabaseURL: os.Getenv(local.DatabaseURLVariable), Dir: dir})
	if err != nil {
		return nil, err
	}
	b.postgres = &database{server: server, proc: &process{name: "postgres", children: true}}
	// A server that was running before has no such file here: its CPU time then does not count.
	if text, err := os.ReadFile(filepath.Join(dir, "pgdata", "postmaster.pid")); err == nil {
		_, _ = fmt.Sscan(string(text), &b.postgres.proc.pid)
	}
	return b.postgres, nil
}

// newDatabase makes an empty database that lives as long as the scope.
func (b *bench) newDatabase(ctx context.Context, s *scope) (url string, err error) {
	if _, err := b.startPostgres(ctx); err != nil {
		return "", err
	}
	b.count++
	name := fmt.Sprintf("bench_%d_%d", os.Getpid(), b.count)
	admin := func(ctx context.Context, statement string) error {
		conn, err := pgx.Connect(ctx, b.postgres.server.URL())
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, statement)
		return errors.Join(err, conn.Close(ctx))
	}
	if err := admin(ctx, "create database "+name); err != nil {
		return "", err
	}
	s.atEnd(func() error {
		return admin(context.WithoutCancel(ctx), "drop database if exists "+name+" with (force)")
	})
	own, err := neturl.Parse(b.postgres.server.URL())
	if err != nil {
		return "", err
	}
	own.Path = "/" + name
	return own.String(), nil
}

// scope ends everything that one row has started.
type scope struct {
	bench *bench
	ends  []func() error
}

func (b *bench) scope() *scope { return &scope{bench: b} }

func (s *scope) atEnd(f func() error) { s.ends = append(s.ends, f) }

// close ends all of it, the last first.
func (s *scope) close() (err error) {
	for len(s.ends) > 0 {
		end := s.ends[len(s.ends)-1]
		s.ends = s.ends[:len(s.ends)-1]
		err = errors.Join(err, end())
	}
	return err
}
