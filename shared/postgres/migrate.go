package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/orchestrix-go/orchestrix/shared/port"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	schemaName   = "orchestrix"
	versionTable = schemaName + ".migrations"
	// schemaLock is the key of the advisory lock under which the schema itself is created: any fixed number.
	schemaLock = 5_771_203_914
	// Services that start concurrently wait for the lock for up to two minutes.
	lockPeriodSeconds = 1
	lockAttempts      = 120
)

// Migrate applies the missing migrations. Several programs may do so concurrently; an older program does not touch newer
// tables. It returns an error that wraps [port.ErrUnavailable] where Postgres does not answer.
func (db *DB) Migrate(ctx context.Context) error {
	return db.withMigrations(ctx, func(p *goose.Provider) error {
		_, err := p.Up(ctx)
		return err
	})
}

// Migrated returns nil if all migrations of this program were applied, and an error that wraps [port.ErrUnavailable]
// otherwise. It changes nothing.
func (db *DB) Migrated(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	needed, err := NewestMigration()
	if err != nil {
		return err
	}
	var found int64
	err = db.pool.QueryRow(ctx, "select coalesce(max(version_id), 0) from "+versionTable+" where is_applied").Scan(&found)
	if hasCode(err, undefinedTable, undefinedSchema) {
		return fmt.Errorf("%w: the tables do not exist yet", port.ErrNotMigrated)
	}
	if err != nil {
		return translate("read the state of the tables", err)
	}
	if found < needed {
		return fmt.Errorf("%w: the tables are of migration %d, this program needs %d", port.ErrNotMigrated, found, needed)
	}
	return nil
}

// NewestMigration is the number of the newest migration in this program.
func NewestMigration() (int64, error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return 0, fmt.Errorf("migrations: %w", err)
	}
	return goose.NumericComponent(files[len(files)-1]) // Glob sorts by name
}

func (db *DB) withMigrations(ctx context.Context, do func(*goose.Provider) error) error {
	if err := db.createSchema(ctx); err != nil {
		return translate("create the schema "+schemaName, err)
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockPeriodSeconds, lockAttempts))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	sql := stdlib.OpenDBFromPool(db.pool)
	provider, err := goose.NewProvider(goose.DialectPostgres, sql, files,
		goose.WithSessionLocker(locker), goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return errors.Join(fmt.Errorf("migrations: %w", err), sql.Close())
	}
	return errors.Join(translate("migrate", do(provider)), provider.Close())
}

// createSchema creates the schema, which also holds the table of the migrations.
func (db *DB) createSchema(ctx context.Context) error {
	tx, err := db.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // after a commit it does nothing
	// Two concurrent "create schema if not exists" can fail without the lock.
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", schemaLock); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "create schema if not exists "+schemaName); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
