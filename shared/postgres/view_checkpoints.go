package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orchestrix-go/orchestrix/shared/port"
)

const (
	checkpointColumns = `
c.view, c.version, c.rebuild, c.partition, c.position, c.log_created, c.commit_sha256, c.caught_up_at, c.owner, c.epoch, nullif(c.lease_until, '-infinity')`

	// selectActiveCheckpoints returns one row with partition -1 where the active build has no checkpoints.
	selectActiveCheckpoints = `
select a.name, a.active_version, a.active_rebuild, coalesce(c.partition, -1), coalesce(c.position, 0), c.log_created, c.commit_sha256, c.caught_up_at,
	coalesce(c.owner, ''), coalesce(c.epoch, 0), nullif(c.lease_until, '-infinity')
from orchestrix.views a
left join orchestrix.checkpoints c on c.view = a.name and c.version = a.active_version and c.rebuild = a.active_rebuild
where a.name = $1 order by c.partition`

	selectAllCheckpoints = `select` + checkpointColumns + ` from orchestrix.checkpoints c order by c.view, c.version, c.rebuild, c.partition`
)

// Checkpoints implements [port.ViewReader].
func (v *Views) Checkpoints(ctx context.Context, view string) ([]port.Checkpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	started := time.Now()
	rows, err := v.db.pool.Query(ctx, selectActiveCheckpoints, view)
	if err != nil {
		return nil, translate("checkpoints of view "+view, err)
	}
	checkpoints, err := pgx.CollectRows(rows, scanCheckpoint)
	if err != nil {
		return nil, translate("checkpoints of view "+view, err)
	}
	if len(checkpoints) == 0 {
		return nil, &port.NotBuiltError{View: view}
	}
	v.noteActive(checkpoints[0].Build, started)
	if checkpoints[0].Position.Partition < 0 {
		return nil, nil
	}
	return checkpoints, nil
}

func scanCheckpoint(row pgx.CollectableRow) (c port.Checkpoint, err error) {
	var created, caughtUp, until *time.Time
	err = row.Scan(&c.View, &c.Version, &c.Rebuild, &c.Position.Partition, &c.Position.Sequence, &created, &c.Mark.Commit, &caughtUp,
		&c.Lease.Owner, &c.Lease.Epoch, &until)
	c.Lease.Build, c.Lease.Partition = c.Build, c.Position.Partition
	c.Mark.Created, c.CaughtUp, c.Lease.Until = utc(created), utc(caughtUp), utc(until)
	return c, err
}
