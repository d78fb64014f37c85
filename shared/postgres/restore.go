package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/orchestrix-go/orchestrix/shared/port"
)

// BeginRestore implements [port.Restorable].
func (l *Log) BeginRestore(ctx context.Context, backup string, again bool) (port.Log, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var refused error
	err := pgx.BeginFunc(ctx, l.db.pool, func(tx pgx.Tx) error {
		// The locks wait for the appends that are under way.
		if _, err := tx.Exec(ctx, "select from orchestrix.log_partitions order by partition for update"); err != nil {
			return err
		}
		var marked string
		var empty bool
		row := tx.QueryRow(ctx, "select max(restoring), max(head) = 0 from orchestrix.log_partitions")
		if err := row.Scan(&marked, &empty); err != nil {
			return err
		}
		if refused = port.CheckRestore(marked, backup, again, empty); refused != nil {
			return nil
		}
		_, err := tx.Exec(ctx, "update orchestrix.log_partitions set restoring = $1", backup)
		return err
	})
	if err != nil {
		return nil, translate("begin the restore", err)
	}
	if refused != nil {
		return nil, refused
	}
	appends := make([]*batcher[*appendRequest], len(l.appends))
	for i := range appends {
		appends[i] = &batcher[*appendRequest]{batches: 1, size: maxAppends}
	}
	return &Log{db: l.db, config: l.config, created: l.created, appends: appends, restore: backup}, nil
}

// EndRestore implements [port.Restorable].
func (l *Log) EndRestore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if _, err := l.db.pool.Exec(ctx, "update orchestrix.log_partitions set restoring = ''"); err != nil {
		return translate("end the restore", err)
	}
	return nil
}
