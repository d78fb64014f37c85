package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	postgresStartTimeout = time.Minute
	// portAttempts is the maximum number of ports to try when another program takes the free port before Postgres does.
	portAttempts = 5
	// databaseName is also the name of the cluster's only role.
	databaseName = "orchestrix"
	// dataName is the directory of the data within that of the cluster.
	dataName = "pgdata"
)

// PostgresOptions name an existing Postgres, or are the settings of a private one.
type PostgresOptions struct {
	// DatabaseURL names an existing database. If it is set, no server is started.
	DatabaseURL string
	// Dir is the directory of the private cluster. It is created if it is missing. Required without DatabaseURL.
	Dir string
	// Port is the port of the private cluster on 127.0.0.1. Zero picks a free one.
	Port int
	// Logger gets messages about the start and the stop. Nil discards them.
	Logger *slog.Logger
	// Fast turns off the sync to disk, for tests: a crash of the machine may lose the data.
	Fast bool
}

// Postgres is a running database server: a private one, or the one that a URL named.
type Postgres struct {
	url   string
	close func() error
}

// StartPostgres starts or uses a server and returns when the database answers. Errors wrap [ErrNoPostgres],
// [ErrPostgresVersion], [ErrLocked], [ErrPortInUse], [ErrUnreachable] or [ErrNoAccount] where these are the cause.
func StartPostgres(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	return startPostgres(ctx, o, systemFinder())
}

// URL is the connection string of the database "orchestrix", or the URL that was given. It holds a password.
func (p *Postgres) URL() string { return p.url }

// Close stops a private server and waits until it has ended. A second call does nothing.
func (p *Postgres) Close() error { return p.close() }

func startPostgres(ctx context.Context, o PostgresOptions, find finder) (*Postgres, error) {
	ctx, cancel := context.WithTimeout(ctx, postgresStartTimeout)
	defer cancel()
	if o.DatabaseURL != "" {
		return useExisting(ctx, o.DatabaseURL)
	}
	c, err := openCluster(o)
	if err != nil {
		return nil, fmt.Errorf("start Postgres: %w", err)
	}
	p, err := c.start(ctx, find)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start Postgres in %s: %w", c.dir, err), c.lock.Unlock())
	}
	return p, nil
}

func useExisting(ctx context.Context, url string) (*Postgres, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil { // pgx keeps the password out of it
		return nil, fmt.Errorf("use the Postgres that %s names: %w", DatabaseURLVariable, err)
	}
	if err := conn.Close(ctx); err != nil {
		return nil, fmt.Errorf("use the Postgres that %s names: %w", DatabaseURLVariable, err)
	}
	return &Postgres{url: url, close: func() error { return nil }}, nil
}

// start starts the server of a cluster, and creates the cluster first if it is new.
func (c *cluster) start(ctx context.Context, find finder) (*Postgres, error) {
	if err := c.stopOrphan(ctx); err != nil {
		return nil, err
	}
	if err := c.findPrograms(ctx, find); err != nil {
		return nil, err
	}
	if err := c.init(ctx); err != nil {
		return nil, err
	}
	proc, port, err := c.launch(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.createDatabase(ctx, port); err != nil {
		return nil, errors.Join(err, c.stop(proc))
	}
	c.log.Info("Postgres is ready", "port", port, "dir", c.dir, "programs", c.bin, "log", c.logPath())
	return &Postgres{
		url: c.url(port, databaseName),
		close: sync.OnceValue(func() error {
			return errors.Join(c.stop(proc), c.lock.Unlock())
		}),
	}, nil
}

// createDatabase creates the database if it is missing.
func (c *cluster) createDatabase(ctx context.Context, port int) error {
	conn, err := pgx.Connect(ctx, c.url(port, "postgres"))
	if err != nil {
		return fmt.Errorf("connect (if the password in %s was changed, restore it): %w", c.passwordPath(), err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	const query = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
	if err := conn.QueryRow(ctx, query, databaseName).Scan(&exists); err != nil {
		return fmt.Errorf("find database %s: %w", databaseName, err)
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+databaseName); err != nil {
		return fmt.Errorf("create database %s: %w", databaseName, err)
	}
	return nil
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }
func (c *cluster) dataPath() string        { return c.path(dataName) }
func (c *cluster) passwordPath() string    { return c.path("password") }
func (c *cluster) logPath() string         { return c.path("postgres.log") }
