package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

const (
	insertParked = `
insert into orchestrix.parked (view, version, rebuild, tenant, lane, category, stream, partition, sequence, event, type,
	message, causes, failure_group, attempts, attempted_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, case when $15 > 0 then clock_timestamp() end)`

	parkedColumns = `
p.id, p.view, p.version, p.rebuild, p.tenant, p.lane, p.category, p.stream, p.partition, p.sequence, p.event, p.type,
	p.message, p.causes, p.failure_group, p.attempts, p.parked_at, p.attempted_at,
	case when p.message is not null then (select count(*) from orchestrix.parked q where q.view = p.view and q.version = p.version
		and q.rebuild = p.rebuild and q.tenant = p.tenant and q.lane = p.lane and q.id > p.id) else 0 end`

	selectParked = `select` + parkedColumns + ` from orchestrix.parked p
where p.message is not null and p.id > $1 and ($2 = '' or p.view = $2) and ($3 = '' or p.failure_group = $3) order by p.id limit $4`

	selectOneParked = `select` + parkedColumns + ` from orchestrix.parked p where p.id = $1`

	selectLane = `select` + parkedColumns + ` from orchestrix.parked p
where p.view = $1 and p.version = $2 and p.rebuild = $3 and p.tenant = $4 and p.lane = $5 order by p.id limit $6`

	// lockCheckpoints keeps every projection of the build from writing.
	lockCheckpoints = `
select partition from orchestrix.checkpoints where view = $1 and version = $2 and rebuild = $3 order by partition for update`

	updateFailure = `
update orchestrix.parked set message = $2, causes = $3, failure_group = $4, attempts = attempts + 1, attempted_at = clock_timestamp() where id = $1`
)

func queueParking(batch *pgx.Batch, b core.Build, p port.Parking) {
	var message, group *string
	var causes []string
	attempts := 0
	if f := p.Failure; f != nil {
		message, group, causes, attempts = &f.Message, &f.Group, f.Causes, 1
	}
	batch.Queue(insertParked, b.View, b.Version, b.Rebuild, p.Lane.Tenant, p.Lane.Name, p.Stream.Category, p.Stream.ID,
		p.Position.Partition, p.Position.Sequence, p.Event, p.Type, message, causes, group, attempts)
}

func scanParked(row pgx.CollectableRow) (p port.Parked, err error) {
	var message, group *string
	var causes []string
	var attempted *time.Time
	err = row.Scan(&p.ID, &p.Build.View, &p.Build.Version, &p.Build.Rebuild, &p.Lane.Tenant, &p.Lane.Name, &p.Stream.Category, &p.Stream.ID,
		&p.Position.Partition, &p.Position.Sequence, &p.Event, &p.Type, &message, &causes, &group, &p.Attempts, &p.At, &attempted, &p.Behind)
	p.Stream.Tenant = p.Lane.Tenant
	p.Attempted = utc(attempted)
	if message != nil && group != nil {
		p.Failure = &port.Failure{Message: *message, Causes: causes, Group: *group}
	}
	return p, err
}

func (v *Views) selectParked(ctx context.Context, sql string, args ...any) ([]port.Parked, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	rows, err := v.db.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, translate("read parked events", err)
	}
	found, err := pgx.CollectRows(rows, scanParked)
	return found, translate("read parked events", err)
}

// Parked implements [port.ParkedStore].
func (v *Views) Parked(ctx context.Context, q port.ParkedQuery) ([]port.Parked, error) {
	return v.selectParked(ctx, selectParked, q.After, q.View, q.Group, q.Limit)
}

// ParkedEvent implements [port.ParkedStore].
func (v *Views) ParkedEvent(ctx context.Context, id int64) (port.Parked, error) {
	found, err := v.selectParked(ctx, selectOneParked, id)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%w: no event with the id %d waits", core.ErrNotFound, id)
	}
	if err != nil {
		return port.Parked{}, err
	}
	return found[0], nil
}

// Waiting implements [port.ParkedStore].
func (v *Views) Waiting(ctx context.Context, b core.Build, lane port.Lane, limit int) ([]port.Parked, error) {
	return v.selectParked(ctx, selectLane, b.View, b.Version, b.Rebuild, lane.Tenant, lane.Name, limit)
}

// RetryLane implements [port.ParkedStore].
func (v *Views) RetryLane(ctx context.Context, view core.ViewSpec, r port.LaneRetry, apply port.LaneRetryFunc) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	what := fmt.Sprintf("apply the parked events of lane %s of %s", r.Lane.Name, view.Build())
	var foldErr error
	err := pgx.BeginFunc(ctx, v.db.pool, func(tx pgx.Tx) error {
		first, current, err := v.lockLane(ctx, tx, view, r)
		if err != nil {
			return err
		}
		result, done, failure, err := apply(current)
		if err != nil {
			foldErr = err
			return err
		}
		batch := &pgx.Batch{}
		b := build{view: view, keys: r.Keys, found: current}
		b.queueWrites(batch, result, true)
		batch.Queue("delete from orchestrix.parked where id = any($1)", r.IDs[:done])
		if failure != nil {
			batch.Queue(updateFailure, r.IDs[done], failure.Message, failure.Causes, failure.Group)
		}
		if r.By != nil {
			batch.Queue(insertAction, actionColumns(*r.By, view.Name, strconv.FormatInt(first.ID, 10)+": "+first.String())...)
		}
		return tx.SendBatch(ctx, batch).Close()
	})
	if foldErr != nil {
		return foldErr
	}
	return translateAction(what, err)
}

// lockLane locks the checkpoints and the documents, and returns the first event of the lane and the state that a fold
// needs. It returns [port.ErrMoved] where the lane does not start with the events of r.
func (v *Views) lockLane(ctx context.Context, tx pgx.Tx, view core.ViewSpec, r port.LaneRetry) (first port.Parked, current port.FoldInput, err error) {
	batch := &pgx.Batch{}
	batch.Queue(lockCheckpoints, view.Name, view.Version, view.Rebuild)
	lanes := make([]port.Lane, len(r.Keys))
	for i, key := range r.Keys {
		lanes[i] = port.DocumentLane(key)
	}
	var waiting []port.Parked
	batch.Queue(selectLane, view.Name, view.Version, view.Rebuild, r.Lane.Tenant, r.Lane.Name, len(r.IDs)).Query(func(rows pgx.Rows) error {
		waiting, err = pgx.CollectRows(rows, scanParked)
		return err
	})
	current = queueReads(batch, view, r.Keys)
	queueLanes(batch, view, lanes, current)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return port.Parked{}, port.FoldInput{}, err
	}
	if len(waiting) != len(r.IDs) || len(waiting) == 0 {
		return port.Parked{}, port.FoldInput{}, port.ErrMoved
	}
	for i, p := range waiting {
		if p.ID != r.IDs[i] {
			return port.Parked{}, port.FoldInput{}, port.ErrMoved
		}
	}
	return waiting[0], current, nil
}

// Skip implements [port.ParkedStore].
func (v *Views) Skip(ctx context.Context, id int64, by core.Action) error {
	p, err := v.ParkedEvent(ctx, id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err = pgx.BeginFunc(ctx, v.db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockCheckpoints, p.Build.View, p.Build.Version, p.Build.Rebuild); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, selectLane, p.Build.View, p.Build.Version, p.Build.Rebuild, p.Lane.Tenant, p.Lane.Name, 1)
		if err != nil {
			return err
		}
		first, err := pgx.CollectExactlyOneRow(rows, scanParked)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if first.ID != id {
			return fmt.Errorf("%w: event %d is not the first of its lane, or no longer parked", port.ErrMoved, id)
		}
		if _, err := tx.Exec(ctx, "delete from orchestrix.parked where id = $1", id); err != nil {
			return err
		}
		return recordAction(ctx, tx, by, p.Build.View, fmt.Sprintf("%d: %s", id, p.Parking))
	})
	return translateAction("skip a parked event", err)
}
