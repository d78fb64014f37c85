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

// Leases expire by the clock of the database, the one clock that all workers share.

const (
	addCheckpoint = `
insert into orchestrix.checkpoints (view, version, rebuild, partition)
select view, version, rebuild, $4 from orchestrix.view_builds
where view = $1 and version = $2 and rebuild = $3 and state in ('building', 'active') on conflict do nothing`

	isMaintained = `
select exists (select from orchestrix.view_builds where view = $1 and version = $2 and rebuild = $3 and state in ('building', 'active'))`

	// claimLease skips a locked row: its owner is in a transaction, so its lease is in use.
	claimLease = `
update orchestrix.checkpoints c
set owner = $5, epoch = c.epoch + 1, lease_until = clock_timestamp() + $6::interval, updated_at = clock_timestamp()
from (
	select view, version, rebuild, partition from orchestrix.checkpoints
	where view = $1 and version = $2 and rebuild = $3 and partition = $4 and (lease_until <= clock_timestamp() or owner = $5)
	and not exists (select from orchestrix.views where name = $1 and paused)
	for update skip locked
) free
where c.view = free.view and c.version = free.version and c.rebuild = free.rebuild and c.partition = free.partition
returning c.position, c.log_created, c.commit_sha256, c.caught_up_at, c.epoch, c.lease_until`

	// joinHeld selects the checkpoints whose lease is still one of those given as columns.
	joinHeld = `
unnest($1::text[], $2::integer[], $3::integer[], $4::integer[], $5::text[], $6::bigint[]) with ordinality
	as mine (view, version, rebuild, partition, owner, epoch, n)
where c.view = mine.view and c.version = mine.version and c.rebuild = mine.rebuild and c.partition = mine.partition
and c.owner = mine.owner and c.epoch = mine.epoch`

	// renewLeases locks in the same order as transactions of several views, so that they can't deadlock.
	renewLeases = `
with held as materialized (
	select c.view, c.version, c.rebuild, c.partition, mine.n from orchestrix.checkpoints c,` + joinHeld + `
	order by c.view collate "C", c.version, c.rebuild, c.partition for update of c
)
update orchestrix.checkpoints c
set lease_until = clock_timestamp() + $7::interval, updated_at = clock_timestamp(),
	caught_up_at = greatest(c.caught_up_at, statement_timestamp() - ($8::interval[])[held.n])
from held where c.view = held.view and c.version = held.version and c.rebuild = held.rebuild and c.partition = held.partition
returning c.view, c.version, c.rebuild, c.partition, c.owner, c.epoch, c.lease_until`

	releaseLeases = `
update orchestrix.checkpoints c set owner = '', lease_until = '-infinity', updated_at = clock_timestamp() from` + joinHeld

	upsertWorker = `
insert into orchestrix.workers (name, kind, lives_until) values ($1, $2, clock_timestamp() + $3::interval)
on conflict (name) do update set lives_until = excluded.lives_until`

	countWorkers = `select count(*) from orchestrix.workers where kind = $1 and lives_until > clock_timestamp()`

	deleteDeadWorkers = `delete from orchestrix.workers where kind = $1 and lives_until < clock_timestamp() - interval '1 hour'`
)

// Claim implements [port.ViewWriter].
func (v *Views) Claim(ctx context.Context, view core.ViewSpec, partition int, owner string, ttl time.Duration) (port.Checkpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	what := fmt.Sprintf("claim %s, partition %d", view.Build(), partition)
	c := port.Checkpoint{
		Build: view.Build(), Position: core.Position{Partition: partition},
		Lease: port.Lease{Build: view.Build(), Partition: partition, Owner: owner},
	}
	var created, caughtUp *time.Time
	batch := &pgx.Batch{}
	batch.Queue(addCheckpoint, view.Name, view.Version, view.Rebuild, partition)
	batch.Queue(isMaintained, view.Name, view.Version, view.Rebuild).QueryRow(func(row pgx.Row) error {
		var maintained bool
		if err := row.Scan(&maintained); err != nil || maintained {
			return err
		}
		return fmt.Errorf("%w: %s is not prepared, or it is retired or cancelled", port.ErrUnavailable, view.Build())
	})
	batch.Queue(claimLease, view.Name, view.Version, view.Rebuild, partition, owner, ttl).QueryRow(func(row pgx.Row) error {
		return row.Scan(&c.Position.Sequence, &created, &c.Mark.Commit, &caughtUp, &c.Lease.Epoch, &c.Lease.Until)
	})
	err := v.db.pool.SendBatch(ctx, batch).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return port.Checkpoint{}, fmt.Errorf("%s: %w", what, port.ErrLeased)
	}
	if err != nil {
		return port.Checkpoint{}, translate(what, err)
	}
	c.Mark.Created, c.CaughtUp = utc(created), utc(caughtUp)
	return c, nil
}

// utc maps SQL null to the zero time.
func utc(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// leaseRows are leases, as columns for unnest.
type leaseRows struct {
	views, owners                  []string
	versions, rebuilds, partitions []int
	epochs                         []int64
}

func leaseRowsOf(leases []port.Lease) (rows leaseRows) {
	for _, l := range leases {
		rows.views = append(rows.views, l.View)
		rows.versions = append(rows.versions, l.Version)
		rows.rebuilds = append(rows.rebuilds, l.Rebuild)
		rows.partitions = append(rows.partitions, l.Partition)
		rows.owners = append(rows.owners, l.Owner)
		rows.epochs = append(rows.epochs, l.Epoch)
	}
	return rows
}

// Renew implements [port.ViewWriter].
func (v *Views) Renew(ctx context.Context, leases []port.Lease, caughtUp []time.Time, ttl time.Duration) ([]port.Lease, error) {
	if len(leases) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	conn, err := v.db.pool.Acquire(ctx)
	if err != nil {
		return nil, translate("renew leases", err)
	}
	defer conn.Release()
	r := leaseRowsOf(leases)
	rows, err := conn.Query(ctx, renewLeases, r.views, r.versions, r.rebuilds, r.partitions, r.owners, r.epochs, ttl, agesOf(caughtUp))
	if err != nil {
		return nil, translate("renew leases", err)
	}
	held, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l port.Lease, err error) {
		err = row.Scan(&l.View, &l.Version, &l.Rebuild, &l.Partition, &l.Owner, &l.Epoch, &l.Until)
		return l, err
	})
	return held, translate("renew leases", err)
}

// agesOf returns the age of each time, nil for the zero time. Postgres subtracts the ages from its own clock, so that the
// clock of the worker does not matter.
func agesOf(times []time.Time) []*time.Duration {
	ages := make([]*time.Duration, len(times))
	for i, t := range times {
		if !t.IsZero() {
			age := time.Since(t)
			ages[i] = &age
		}
	}
	return ages
}

// Release implements [port.ViewWriter].
func (v *Views) Release(ctx context.Context, leases []port.Lease) error {
	if len(leases) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	r := leaseRowsOf(leases)
	_, err := v.db.pool.Exec(ctx, releaseLeases, r.views, r.versions, r.rebuilds, r.partitions, r.owners, r.epochs)
	return translate("release leases", err)
}

// Join implements [port.ViewWriter].
func (v *Views) Join(ctx context.Context, kind port.WorkerKind, owner string, ttl time.Duration) (workers int, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	batch := &pgx.Batch{}
	batch.Queue(upsertWorker, owner, string(kind), ttl)
	batch.Queue(deleteDeadWorkers, string(kind))
	batch.Queue(countWorkers, string(kind)).QueryRow(func(row pgx.Row) error { return row.Scan(&workers) })
	return workers, translate("register worker", v.db.pool.SendBatch(ctx, batch).Close())
}

// Leave implements [port.ViewWriter].
func (v *Views) Leave(ctx context.Context, owner string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err := v.db.pool.Exec(ctx, "delete from orchestrix.workers where name = $1", owner)
	return translate("deregister worker", err)
}
