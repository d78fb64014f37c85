package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"orchestrix/shared/es"
)

const (
	checkpointColumns = `
c.view, c.version, c.rebuild, c.partition, c.position, c.log_created, c.commit_sha256, c.caught_up_at, c.owner, c.epoch, nullif(c.lease_until, '-infinity')`

	selectActiveCheckpoints = `select` + checkpointColumns + `
from orchestrix.checkpoints c
join orchestrix.views a on a.name = c.view and a.active_version = c.version and a.active_rebuild = c.rebuild
where a.name = $1 order by c.partition`

	selectAllCheckpoints = `select` + checkpointColumns + ` from orchestrix.checkpoints c order by c.view, c.version, c.rebuild, c.partition`
)

// Checkpoints implements [es.ViewReader].
func (v *Views) Checkpoints(ctx context.Context, view string) ([]es.Checkpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var built bool
	var checkpoints []es.Checkpoint
	batch := &pgx.Batch{}
	batch.Queue("select exists (select from orchestrix.views where name = $1)", view).QueryRow(func(row pgx.Row) error { return row.Scan(&built) })
	batch.Queue(selectActiveCheckpoints, view).Query(func(rows pgx.Rows) (err error) {
		checkpoints, err = pgx.CollectRows(rows, scanCheckpoint)
		return err
	})
	if err := v.db.pool.SendBatch(ctx, batch).Close(); err != nil {
		return nil, translate("checkpoints of view "+view, err)
	}
	if !built {
		return nil, notBuilt(view)
	}
	return checkpoints, nil
}

func scanCheckpoint(row pgx.CollectableRow) (c es.Checkpoint, err error) {
	var created, caughtUp, until *time.Time
	err = row.Scan(&c.View, &c.Version, &c.Rebuild, &c.Position.Partition, &c.Position.Sequence, &created, &c.Mark.Commit, &caughtUp,
		&c.Lease.Owner, &c.Lease.Epoch, &until)
	c.Lease.Build, c.Lease.Partition = c.Build, c.Position.Partition
	c.Mark.Created, c.CaughtUp, c.Lease.Until = utc(created), utc(caughtUp), utc(until)
	return c, err
}
