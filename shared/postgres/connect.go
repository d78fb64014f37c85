package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Options of a connection. Zero values take the defaults.
type Options struct {
	Conns       int             // maximum number of connections; 10
	Application string          // the name that operators see in pg_stat_activity; orchestrix
	Tracer      pgx.QueryTracer // traces every statement; none
}

const (
	defaultConns   = 10
	connectTimeout = 5 * time.Second
	// requestTimeout bounds one call of a port where the caller's context allows more.
	requestTimeout = 15 * time.Second
)

// DB is a pool of connections to one database. It connects on first use, and reconnects after a failure.
type DB struct {
	pool *pgxpool.Pool
}

// Connect prepares connections to the database that url names, a postgres:// URL or key=value pairs. It opens
// no connection yet. The error describes an invalid url without its password.
func Connect(url string, o Options) (*DB, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	if o.Conns == 0 {
		o.Conns = defaultConns
	}
	if o.Application == "" {
		o.Application = "orchestrix"
	}
	config.MaxConns = int32(min(o.Conns, 10_000))
	config.ConnConfig.ConnectTimeout = connectTimeout
	config.ConnConfig.RuntimeParams["application_name"] = o.Application
	config.ConnConfig.Tracer = o.Tracer
	config.BeforeConnect = login{url: url}.beforeConnect
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	return &DB{pool: pool}, nil
}

// Close waits until the running statements have ended, and closes all connections.
func (db *DB) Close() { db.pool.Close() }

// Pool returns the underlying pool, for its statistics.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Ping returns nil if Postgres answers, and an error that wraps [port.ErrUnavailable] otherwise.
func (db *DB) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := db.pool.Ping(ctx); err != nil {
		return fmt.Errorf("%w: Postgres: %w", port.ErrUnavailable, err)
	}
	return nil
}
