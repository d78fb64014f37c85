package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"orchestrix/shared/es"
)

// Leases end by the clock of the database, the one clock that all workers share.

const (
	addCheckpoint = `insert into orchestrix.checkpoints (view, version, partition) values ($1, $2, $3) on conflict do nothing`

	// claim passes over a row that is locked: its owner is writing at this moment.
	claim = `
update orchestrix.checkpoints c
set owner = $4, epoch = c.epoch + 1, lease_until = clock_timestamp() + $5::interval, updated_at = clock_timestamp()
from (
	select view, version, partition from orchestrix.checkpoints
	where view = $1 and version = $2 and partition = $3 and (lease_until <= clock_timestamp() or owner = $4)
	for update skip locked
) free
where c.view = free.view and c.version = free.version and c.partition = free.partition
returning c.position, c.caught_up_at, c.epoch, c.lease_until`

	renew = `
update orchestrix.checkpoints c
set lease_until = clock_timestamp() + $6::interval, updated_at = clock_timestamp(),
	caught_up_at = case when mine.caught_up then clock_timestamp() else c.caught_up_at end
from unnest($1::text[], $2::integer[], $3::integer[], $4::text[], $5::bigint[], $7::boolean[])
	as mine (view, version, partition, owner, epoch, caught_up)
where c.view = mine.view and c.version = mine.version and c.partition = mine.partition and c.owner = mine.owner and c.epoch = mine.epoch
returning c.view, c.version, c.partition, c.owner, c.epoch, c.lease_until`

	release = `
update orchestrix.checkpoints c set owner = '', lease_until = '-infinity', updated_at = clock_timestamp()
from unnest($1::text[], $2::integer[], $3::integer[], $4::text[], $5::bigint[]) as mine (view, version, partition, owner, epoch)
where c.view = mine.view and c.version = mine.version and c.partition = mine.partition and c.owner = mine.owner and c.epoch = mine.epoch`
)

// Claim implements [es.ViewWriter].
func (v *Views) Claim(ctx context.Context, view es.ViewSpec, partition int, owner string, ttl time.Duration) (es.Checkpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	what := fmt.Sprintf("claim view %s, version %d, partition %d", view.Name, view.Version, partition)
	c := es.Checkpoint{
		View: view.Name, Version: view.Version, Position: es.Position{Partition: partition},
		Lease: es.Lease{View: view.Name, Version: view.Version, Partition: partition, Owner: owner},
	}
	var caughtUp *time.Time
	batch := &pgx.Batch{}
	batch.Queue(addCheckpoint, view.Name, view.Version, partition)
	batch.Queue(claim, view.Name, view.Version, partition, owner, ttl).QueryRow(func(row pgx.Row) error {
		return row.Scan(&c.Position.Sequence, &caughtUp, &c.Lease.Epoch, &c.Lease.Until)
	})
	err := v.db.pool.SendBatch(ctx, batch).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return es.Checkpoint{}, fmt.Errorf("%s: %w", what, es.ErrLeased)
	}
	if err != nil {
		return es.Checkpoint{}, translate(what, err)
	}
	if caughtUp != nil {
		c.CaughtUp = caughtUp.UTC()
	}
	return c, nil
}

// leaseRows are leases by column.
type leaseRows struct {
	views, owners        []string
	versions, partitions []int
	epochs               []int64
}

func byColumn(leases []es.Lease) (rows leaseRows) {
	for _, l := range leases {
		rows.views = append(rows.views, l.View)
		rows.versions = append(rows.versions, l.Version)
		rows.partitions = append(rows.partitions, l.Partition)
		rows.owners = append(rows.owners, l.Owner)
		rows.epochs = append(rows.epochs, l.Epoch)
	}
	return rows
}

// Renew implements [es.ViewWriter].
func (v *Views) Renew(ctx context.Context, leases []es.Lease, caughtUp []bool, ttl time.Duration) ([]es.Lease, error) {
	if len(leases) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	r := byColumn(leases)
	rows, err := v.db.pool.Query(ctx, renew, r.views, r.versions, r.partitions, r.owners, r.epochs, ttl, caughtUp)
	if err != nil {
		return nil, translate("renew leases", err)
	}
	held, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l es.Lease, err error) {
		err = row.Scan(&l.View, &l.Version, &l.Partition, &l.Owner, &l.Epoch, &l.Until)
		return l, err
	})
	return held, translate("renew leases", err)
}

// Release implements [es.ViewWriter].
func (v *Views) Release(ctx context.Context, leases []es.Lease) error {
	if len(leases) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	r := byColumn(leases)
	_, err := v.db.pool.Exec(ctx, release, r.views, r.versions, r.partitions, r.owners, r.epochs)
	return translate("release leases", err)
}

const selectCheckpoints = `
select a.active_version, c.partition, c.position, c.caught_up_at, c.owner, c.epoch, nullif(c.lease_until, '-infinity')
from orchestrix.views a left join orchestrix.checkpoints c on c.view = a.name and c.version = a.active_version
where a.name = $1 order by c.partition`

// Checkpoints implements [es.ViewReader].
func (v *Views) Checkpoints(ctx context.Context, view string) ([]es.Checkpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	rows, err := v.db.pool.Query(ctx, selectCheckpoints, view)
	if err != nil {
		return nil, translate("checkpoints of view "+view, err)
	}
	found := false
	var checkpoints []es.Checkpoint
	for rows.Next() {
		found = true
		c, ok, err := scanCheckpoint(view, rows)
		if err != nil {
			rows.Close()
			return nil, translate("checkpoints of view "+view, err)
		}
		if ok {
			checkpoints = append(checkpoints, c)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, translate("checkpoints of view "+view, err)
	}
	if !found {
		return nil, notBuilt(view)
	}
	return checkpoints, nil
}

// scanCheckpoint reports false for the row of a view that has no checkpoint yet.
func scanCheckpoint(view string, row pgx.Row) (es.Checkpoint, bool, error) {
	var version int
	var partition *int
	var position, epoch *uint64
	var owner *string
	var caughtUp, until *time.Time
	err := row.Scan(&version, &partition, &position, &caughtUp, &owner, &epoch, &until)
	if err != nil || partition == nil {
		return es.Checkpoint{}, false, err
	}
	c := es.Checkpoint{
		View: view, Version: version, Position: es.Position{Partition: *partition, Sequence: *position},
		Lease: es.Lease{View: view, Version: version, Partition: *partition, Owner: *owner, Epoch: int64(*epoch)},
	}
	if caughtUp != nil {
		c.CaughtUp = caughtUp.UTC()
	}
	if until != nil {
		c.Lease.Until = until.UTC()
	}
	return c, true, nil
}
