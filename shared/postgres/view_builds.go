package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orchestrix-go/orchestrix/shared/clip"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

const (
	selectBuilds = `
select b.view, b.version, b.rebuild, b.state, b.since, b.started_at, b.drop_old, coalesce(v.paused, false),
	(select count(*) from orchestrix.parked p where p.view = b.view and p.version = b.version and p.rebuild = b.rebuild and p.message is not null)
from orchestrix.view_builds b left join orchestrix.views v on v.name = b.view order by b.view, b.version, b.rebuild`

	// activateBuild locks the checkpoints of the active build while it compares them, so that they can't move in between.
	// Positions of two different logs can't be compared: a build on a new log must have reached the end of that log. A
	// build that reached the end of a partition without commits, after the last lease and the last update of the old
	// build, is on a new log too.
	activateBuild = `
with old as materialized (
	select c.partition, c.position, c.log_created, greatest(c.lease_until, c.updated_at) as ended from orchestrix.checkpoints c
	join orchestrix.views v on v.name = c.view and v.active_version = c.version and v.active_rebuild = c.rebuild
	where c.view = $1 and c.partition < $4 order by c.partition for update of c
), switched as (
	update orchestrix.views v set active_version = $2, active_rebuild = $3, activated_at = now()
	where name = $1 and (active_version, active_rebuild) < ($2, $3)
	and exists (select from orchestrix.view_builds where view = $1 and version = $2 and rebuild = $3 and state = 'building')
	and (select count(*) from orchestrix.checkpoints where view = $1 and version = $2 and rebuild = $3) >= $4
	and not exists (
		select from old left join orchestrix.checkpoints new
			on new.view = $1 and new.version = $2 and new.rebuild = $3 and new.partition = old.partition
		where case when new.log_created <> old.log_created then new.caught_up_at is null
			when new.log_created is null and new.caught_up_at > old.ended then false
			else coalesce(new.position, 0) < old.position end
	)
	returning name
), entered as (
	update orchestrix.view_builds b
	set state = case when (b.version, b.rebuild) = ($2, $3) then 'active' else 'retired' end, since = now()
	from switched where b.view = $1
	and (b.state = 'active' or b.state = 'building' and (b.version, b.rebuild) <= ($2, $3))
), fenced as (
	update orchestrix.checkpoints c set owner = '', lease_until = '-infinity', epoch = epoch + 1
	from switched where c.view = $1 and (c.version, c.rebuild) < ($2, $3)
)
select exists (select from switched) or exists (
	select from orchestrix.views where name = $1 and (active_version, active_rebuild) >= ($2, $3))`

	startRebuild = `
insert into orchestrix.view_builds (view, version, rebuild, drop_old, fields, shared)
select $1, $2, coalesce(max(rebuild) filter (where version = $2) + 1, 0), $3, $4, $5 from orchestrix.view_builds where view = $1
returning rebuild`

	cancelBuild = `
with cancelled as (
	update orchestrix.view_builds set state = 'cancelled', since = now() where view = $1 and state = 'building' returning version, rebuild
), fenced as (
	update orchestrix.checkpoints c set owner = '', lease_until = '-infinity', epoch = epoch + 1
	from cancelled where c.view = $1 and c.version = cancelled.version and c.rebuild = cancelled.rebuild
)
select version, rebuild from cancelled`

	// selectDroppable skips tombstones: see tombstoneCancelled.
	selectDroppable = `
select view, version, rebuild from orchestrix.view_builds
where state in ('retired', 'cancelled') and since < $2 and ($1 = '' or view = $1) and prepared_at > '-infinity'
order by 1, 2, 3 for update skip locked`

	// tombstoneCancelled keeps the row of the newest build of a view where that was cancelled, with prepared_at -infinity:
	// otherwise workers would build it again, or another build would get its number.
	tombstoneCancelled = `
update orchestrix.view_builds b set prepared_at = '-infinity' where view = $1 and version = $2 and rebuild = $3
and state = 'cancelled' and not exists (
	select from orchestrix.view_builds newer where newer.view = b.view and (newer.version, newer.rebuild) > (b.version, b.rebuild))`

	deleteParked      = `delete from orchestrix.parked where view = $1 and version = $2 and rebuild = $3`
	deleteCheckpoints = `delete from orchestrix.checkpoints where view = $1 and version = $2 and rebuild = $3`

	deleteBuild = `
delete from orchestrix.view_builds where view = $1 and version = $2 and rebuild = $3 and prepared_at > '-infinity'`

	deleteTombstones = `
delete from orchestrix.view_builds b where ($1 = '' or view = $1) and state = 'cancelled' and prepared_at = '-infinity' and exists (
	select from orchestrix.view_builds newer where newer.view = b.view and (newer.version, newer.rebuild) > (b.version, b.rebuild))`

	insertAction = `insert into orchestrix.actions (who, did, view, object, reason) values ($1, $2, $3, $4, $5)`

	selectActions = `
select at, who, did, view, object, reason from orchestrix.actions where $1 = '' or view = $1 order by id desc limit $2`
)

// Builds implements [port.BuildStore].
func (v *Views) Builds(ctx context.Context) ([]port.BuildStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var builds []port.BuildStatus
	checkpoints := map[core.Build][]port.Checkpoint{}
	batch := &pgx.Batch{}
	batch.Queue(selectBuilds).Query(func(rows pgx.Rows) (err error) {
		builds, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (b port.BuildStatus, err error) {
			err = row.Scan(&b.View, &b.Version, &b.Rebuild, &b.State, &b.Since, &b.Started, &b.DropOld, &b.Paused, &b.Parked)
			return b, err
		})
		return err
	})
	batch.Queue(selectAllCheckpoints).Query(func(rows pgx.Rows) error {
		all, err := pgx.CollectRows(rows, scanCheckpoint)
		for _, c := range all {
			checkpoints[c.Build] = append(checkpoints[c.Build], c)
		}
		return err
	})
	err := v.db.pool.SendBatch(ctx, batch).Close()
	for i := range builds {
		builds[i].Checkpoints = checkpoints[builds[i].Build]
	}
	return builds, translate("list the builds of views", err)
}

// Activate implements [port.BuildStore].
func (v *Views) Activate(ctx context.Context, view core.ViewSpec, partitions int) (active bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err = v.db.pool.QueryRow(ctx, activateBuild, view.Name, view.Version, view.Rebuild, partitions).Scan(&active)
	v.invalidate(view.Name)
	return active, translate("activate "+view.Build().String(), err)
}

// Rebuild implements [port.BuildStore].
func (v *Views) Rebuild(ctx context.Context, view core.ViewSpec, dropOld bool, by core.Action) (core.Build, error) {
	fields, err := core.Marshal(view.Fields)
	if err != nil {
		return core.Build{}, err
	}
	b := core.Build{View: view.Name, Version: view.Version}
	err = v.withViewLocked(ctx, view.Name, func(ctx context.Context, tx pgx.Tx) error {
		var active int
		if err := tx.QueryRow(ctx, "select active_version from orchestrix.views where name = $1", view.Name).Scan(&active); err != nil {
			return err
		}
		if err := port.CheckRebuild(view, active); err != nil {
			return err
		}
		var building string
		err := tx.QueryRow(ctx, "select version || '.' || rebuild from orchestrix.view_builds where view = $1 and state = 'building'", view.Name).Scan(&building)
		if err == nil {
			return fmt.Errorf("%w: view %s, version %s", port.ErrBuilding, view.Name, building)
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if err := tx.QueryRow(ctx, startRebuild, view.Name, view.Version, dropOld, fields, view.Shared).Scan(&b.Rebuild); err != nil {
			return err
		}
		return recordAction(ctx, tx, by, view.Name, b.String())
	})
	return b, translateAction("rebuild view "+view.Name, err)
}

// withViewLocked runs change in a transaction that holds the row lock of the view. It returns [core.ErrNotFound] for a view
// that is not built.
func (v *Views) withViewLocked(ctx context.Context, view string, change func(ctx context.Context, tx pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return pgx.BeginFunc(ctx, v.db.pool, func(tx pgx.Tx) error {
		var name string
		err := tx.QueryRow(ctx, "select name from orchestrix.views where name = $1 for update", view).Scan(&name)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%w: view %s is not built", core.ErrNotFound, view)
		}
		if err != nil {
			return err
		}
		return change(ctx, tx)
	})
}

// translateAction leaves the errors of the ports that reject an action as they are, and translates the others.
func translateAction(what string, err error) error {
	if errors.Is(err, core.ErrNotFound) || errors.Is(err, port.ErrBuilding) || errors.Is(err, port.ErrMoved) || errors.Is(err, port.ErrOtherVersion) {
		return err
	}
	return translate(what, err)
}

const maxObject = 2000 // bytes

// actionColumns are the arguments of insertAction. An object may name what came from outside.
func actionColumns(a core.Action, view, object string) []any {
	return []any{a.Who, a.Did, view, clip.Text(clip.Printable(object), maxObject), a.Reason}
}

func recordAction(ctx context.Context, tx pgx.Tx, a core.Action, view, object string) error {
	_, err := tx.Exec(ctx, insertAction, actionColumns(a, view, object)...)
	return err
}

// Cancel implements [port.BuildStore].
func (v *Views) Cancel(ctx context.Context, view string, by core.Action) (core.Build, error) {
	b := core.Build{View: view}
	err := v.withViewLocked(ctx, view, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, cancelBuild, view).Scan(&b.Version, &b.Rebuild)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%w: view %s is not being built", core.ErrNotFound, view)
		}
		if err != nil {
			return err
		}
		return recordAction(ctx, tx, by, view, b.String())
	})
	return b, translateAction("cancel the building of view "+view, err)
}

// Pause implements [port.BuildStore].
func (v *Views) Pause(ctx context.Context, view string, paused bool, by core.Action) error {
	err := v.withViewLocked(ctx, view, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "update orchestrix.views set paused = $2 where name = $1", view, paused); err != nil {
			return err
		}
		return recordAction(ctx, tx, by, view, view)
	})
	return translateAction("pause view "+view, err)
}

// Drop implements [port.BuildStore].
func (v *Views) Drop(ctx context.Context, view string, before time.Time, by core.Action) (dropped []core.Build, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err = pgx.BeginFunc(ctx, v.db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, deleteTombstones, view); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, selectDroppable, view, before)
		if err != nil {
			return err
		}
		dropped, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (b core.Build, err error) {
			err = row.Scan(&b.View, &b.Version, &b.Rebuild)
			return b, err
		})
		if err != nil {
			return err
		}
		for _, b := range dropped {
			if err := dropBuild(ctx, tx, b); err != nil {
				return err
			}
			if err := recordAction(ctx, tx, by, b.View, b.String()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, translate("drop old builds", err)
	}
	return dropped, nil
}

// dropBuild deletes the table, the parked events, the checkpoints and the row of a build, or leaves a tombstone of the row.
func dropBuild(ctx context.Context, tx pgx.Tx, b core.Build) error {
	if _, err := tx.Exec(ctx, "drop table if exists "+tableName(b)); err != nil {
		return err
	}
	for _, statement := range []string{deleteParked, deleteCheckpoints, tombstoneCancelled, deleteBuild} {
		if _, err := tx.Exec(ctx, statement, b.View, b.Version, b.Rebuild); err != nil {
			return err
		}
	}
	return nil
}

// Record implements [port.ActionLog].
func (v *Views) Record(ctx context.Context, a core.Action) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err := v.db.pool.Exec(ctx, insertAction, actionColumns(a, "", a.Object)...)
	return translate("record an action", err)
}

// Actions implements [port.ActionLog].
func (v *Views) Actions(ctx context.Context, view string, limit int) ([]core.Action, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	rows, err := v.db.pool.Query(ctx, selectActions, view, limit)
	if err != nil {
		return nil, translate("list the actions", err)
	}
	actions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[core.Action])
	return actions, translate("list the actions", err)
}
