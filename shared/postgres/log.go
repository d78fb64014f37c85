package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// LogConfig describes a log in Postgres. Zero values take the defaults.
type LogConfig struct {
	Partitions   int           // fixed when the log is created; 0 is any number, and 4 for a new log
	MaxCommit    int           // maximum size of a commit's events in bytes, with their envelopes; 1 MiB
	AppendBudget time.Duration // for one append, with its retries; 15 s
	Restore      bool          // for a restore: opens a log that an interrupted one has left
}

const (
	defaultPartitions = 4
	maxPartitions     = 256
)

func (c LogConfig) withDefaults() LogConfig {
	if c.MaxCommit == 0 {
		c.MaxCommit = 1 << 20
	}
	if c.AppendBudget == 0 {
		c.AppendBudget = 15 * time.Second
	}
	return c
}

// Log is an event log in Postgres.
type Log struct {
	db      *DB
	config  LogConfig
	created []time.Time                // by partition
	appends []*batcher[*appendRequest] // by partition
	restore string                     // the backup that this log is opened to restore; empty for all others
}

var _ port.Restorable = (*Log)(nil)

// ErrPartitions means that the log has another number of partitions than configured.
var ErrPartitions = errors.New("the log has another number of partitions")

// OpenLog opens the log of a migrated database, and creates it where there is none. Several services may do so
// concurrently. It returns [ErrPartitions] where the log has another number of partitions than configured, [port.ErrRestoring], and
// [port.ErrUnavailable].
func OpenLog(ctx context.Context, db *DB, config LogConfig) (*Log, error) {
	return openLog(ctx, db, config, true)
}

// OpenExistingLog opens the log without creating it. It returns [port.ErrNotMigrated] where there is none.
func OpenExistingLog(ctx context.Context, db *DB, config LogConfig) (*Log, error) {
	return openLog(ctx, db, config, false)
}

func openLog(ctx context.Context, db *DB, config LogConfig, create bool) (*Log, error) {
	if config.Partitions < 0 || config.Partitions > maxPartitions {
		return nil, fmt.Errorf("%d partitions are configured; set ORCHESTRIX_PARTITIONS to 1 up to %d", config.Partitions, maxPartitions)
	}
	l := &Log{db: db, config: config.withDefaults()}
	if err := l.loadPartitions(ctx, create); err != nil {
		return nil, err
	}
	if len(l.created) == 0 {
		return nil, fmt.Errorf("%w: this database has no log", port.ErrNotMigrated)
	}
	if config.Partitions != 0 && config.Partitions != len(l.created) {
		return nil, fmt.Errorf("%w: it has %d, configured are %d; set ORCHESTRIX_PARTITIONS=%d",
			ErrPartitions, len(l.created), config.Partitions, len(l.created))
	}
	for range l.created {
		l.appends = append(l.appends, &batcher[*appendRequest]{batches: 1, size: maxAppends})
	}
	return l, nil
}

// Unsynced names the settings of the database, each in the form "fsync=off", under which Postgres acknowledges commits
// that a crash loses. It returns [port.ErrUnavailable].
func (l *Log) Unsynced(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	rows, err := l.db.pool.Query(ctx, `
select name || '=' || setting from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes') and setting = 'off'`)
	if err != nil {
		return nil, translate("read the settings of Postgres", err)
	}
	settings, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return settings, translate("read the settings of Postgres", err)
}

// loadPartitions reads the partitions, and creates them where there are none and create is set. The service that creates
// them decides how many.
func (l *Log) loadPartitions(ctx context.Context, create bool) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	wanted := l.config.Partitions
	if wanted == 0 {
		wanted = defaultPartitions
	}
	batch := &pgx.Batch{}
	if create {
		batch.Queue("select pg_advisory_xact_lock($1)", schemaLock)
		batch.Queue(`
insert into orchestrix.log_partitions (partition, created)
select n, clock_timestamp() from generate_series(0, $1::integer - 1) n where not exists (select from orchestrix.log_partitions)`, wanted)
	}
	batch.Queue("select created from orchestrix.log_partitions order by partition").Query(func(rows pgx.Rows) (err error) {
		l.created, err = pgx.CollectRows(rows, pgx.RowTo[time.Time])
		return err
	})
	restoring := false
	batch.Queue("select exists (select from orchestrix.log_partitions where restoring <> '')").QueryRow(func(row pgx.Row) error { return row.Scan(&restoring) })
	if err := l.db.pool.SendBatch(ctx, batch).Close(); err != nil {
		return translate("open the log", err)
	}
	if restoring && !l.config.Restore {
		return port.ErrRestoring
	}
	return nil
}

// Ping returns nil if Postgres answers, and [port.ErrUnavailable] otherwise.
func (l *Log) Ping(ctx context.Context) error { return l.db.Ping(ctx) }

// MaxCommit is the maximum size of a commit's events in bytes, with their envelopes.
func (l *Log) MaxCommit() int { return l.config.MaxCommit }

// Partitions implements [port.Feed].
func (l *Log) Partitions() int { return len(l.created) }

// Created implements [port.Reader].
func (l *Log) Created(s core.Stream) time.Time { return l.created[l.partitionOf(s)] }

func (l *Log) partitionOf(s core.Stream) int { return core.PartitionOf(s.Tenant, s.ID, len(l.created)) }

func (l *Log) checkPartition(partition int) error {
	if partition < 0 || partition >= len(l.created) {
		return fmt.Errorf("%w: partition %d, the log has 0 to %d", core.ErrBadPosition, partition, len(l.created)-1)
	}
	return nil
}
