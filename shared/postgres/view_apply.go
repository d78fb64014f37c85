package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/retry"
)

const (
	// lockToApply is the fence: until the transaction ends, no other worker can claim these leases or move the checkpoints.
	// The rows are locked in the order of the arrays.
	lockToApply = `
select w.n, c.position, c.owner, c.epoch
from unnest($1::text[], $2::integer[], $3::integer[], $4::integer[]) with ordinality as w (view, version, rebuild, partition, n)
cross join lateral (
	select position, owner, epoch from orchestrix.checkpoints
	where view = w.view and version = w.version and rebuild = w.rebuild and partition = w.partition for update
) c`

	// selectBuildsWithParked finds the builds that have parked events: hardly ever any.
	selectBuildsWithParked = `
select w.n from unnest($1::text[], $2::integer[], $3::integer[]) with ordinality as w (view, version, rebuild, n)
where exists (select from orchestrix.parked p where p.view = w.view and p.version = w.version and p.rebuild = w.rebuild)`

	moveCheckpoints = `
update orchestrix.checkpoints c
set position = m.position, log_created = m.created, commit_sha256 = m.digest, updated_at = clock_timestamp(),
	caught_up_at = greatest(c.caught_up_at, statement_timestamp() - m.caught_up)
from unnest($1::text[], $2::integer[], $3::integer[], $4::integer[], $5::bigint[], $6::timestamptz[], $7::bytea[], $8::interval[])
	as m (view, version, rebuild, partition, position, created, digest, caught_up)
where c.view = m.view and c.version = m.version and c.rebuild = m.rebuild and c.partition = m.partition`

	selectOccupiedLanes = `
select distinct p.tenant, p.lane from orchestrix.parked p
join unnest($4::text[], $5::text[]) as wanted (tenant, lane) on p.tenant = wanted.tenant collate "C" and p.lane = wanted.lane collate "C"
where p.view = $1 and p.version = $2 and p.rebuild = $3`

	// limitIdle frees the locks of a worker that froze in the middle of a transaction.
	limitIdle = `set local idle_in_transaction_session_timeout = '4s'`

	// beginApply turns the synchronous flush of the transaction log off; Postgres flushes it within a second. A crash of
	// Postgres then loses the newest transactions, documents and checkpoint together, and the projection reads the log
	// again from the older checkpoint. A later commit with a flush makes these transactions durable too. The planner
	// settings fix the plan: every statement looks up a few rows by key, so an index scan is right for a table of any size.
	beginApply = `
select set_config('idle_in_transaction_session_timeout', '4s', true), set_config('synchronous_commit', 'off', true), set_config('lock_timeout', $1, true),
	set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),
	set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`
)

// applyRetries is for transactions that Postgres aborted because of a deadlock or a serialization failure.
var applyRetries = retry.Policy{First: 20 * time.Millisecond, Max: 80 * time.Millisecond, FullJitter: true, Limit: 5}

// Values of lock_timeout. A transaction of several views has a limit: a lock on one of them must not delay all.
const (
	noLockTimeout     = "0" // only the timeout of the request ends the wait
	sharedLockTimeout = "1s"
)

// Apply implements [port.ViewWriter]. It takes two round trips: the first locks and reads, the second
// writes and commits.
func (v *Views) Apply(ctx context.Context, view core.ViewSpec, u port.Update, fold port.FoldFunc) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	all := []port.ProjectionUpdate{{View: view, Update: u, Fold: fold}}
	o := applyOptions{lockTimeout: noLockTimeout}
	_, err := retry.Do(ctx, applyRetries, func(ctx context.Context) (struct{}, error) {
		err := v.applyOnce(ctx, o, all)
		if hasCode(err, uniqueViolation) && !o.overwrite {
			o.overwrite = true
			err = v.applyOnce(ctx, o, all)
		}
		if !hasCode(err, serialization, deadlock) {
			err = retry.Permanent(err)
		}
		return struct{}{}, err
	})
	return err
}

// ApplyTogether implements [port.ViewWriter]. The rows are locked in one order, by view, partition and key, so that no two
// transactions deadlock.
func (v *Views) ApplyTogether(ctx context.Context, all []port.ProjectionUpdate) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return v.applyOnce(ctx, applyOptions{lockTimeout: sharedLockTimeout}, slices.SortedFunc(slices.Values(all), port.ProjectionUpdate.Compare))
}

// applyOptions are the settings of one transaction.
type applyOptions struct {
	lockTimeout string // a value of lock_timeout
	overwrite   bool   // upsert also the documents that were not found: see [build.queueWrites]
}

func (v *Views) applyOnce(ctx context.Context, o applyOptions, all []port.ProjectionUpdate) (err error) {
	conn, err := v.db.pool.Acquire(ctx)
	if err != nil {
		return translate(applying(all), err)
	}
	defer conn.Release() // closes a connection that is still in a transaction
	defer func() {
		if err != nil {
			rollback(ctx, conn)
		}
	}()
	builds := byBuild(all)
	err = lockAndRead(ctx, conn, o.lockTimeout, all, builds)
	if err != nil {
		if errors.Is(err, port.ErrFenced) {
			return fmt.Errorf("%s: %w", applying(all), err)
		}
		return translate(applying(all), err)
	}
	batch := &pgx.Batch{}
	for _, b := range builds {
		result, err := b.fold()
		if err != nil {
			return err
		}
		b.queueWrites(batch, result, o.overwrite)
	}
	queueCheckpoints(batch, all)
	batch.Queue("commit")
	return translate(applying(all), conn.SendBatch(ctx, batch).Close())
}

// applying names the builds and the partition, for errors.
func applying(all []port.ProjectionUpdate) string {
	names := make([]string, len(all))
	for i, a := range all {
		names[i] = a.View.Build().String()
	}
	return fmt.Sprintf("apply to %s, partition %d", strings.Join(names, ", "), all[0].Update.Lease.Partition)
}

// buildRows are builds with a partition each, as columns for unnest.
type buildRows struct {
	views                          []string
	versions, rebuilds, partitions []int
}

func (r *buildRows) appendBuild(view core.ViewSpec, partition int) {
	r.views = append(r.views, view.Name)
	r.versions = append(r.versions, view.Version)
	r.rebuilds = append(r.rebuilds, view.Rebuild)
	r.partitions = append(r.partitions, partition)
}

func rowsOf(all []port.ProjectionUpdate) (rows buildRows) {
	for _, a := range all {
		rows.appendBuild(a.View, a.Update.Lease.Partition)
	}
	return rows
}

func queueCheckpoints(batch *pgx.Batch, all []port.ProjectionUpdate) {
	rows := rowsOf(all)
	positions, caughtUp := make([]int64, len(all)), make([]time.Time, len(all))
	created, digests := make([]*time.Time, len(all)), make([][]byte, len(all))
	for i, a := range all {
		positions[i], caughtUp[i] = int64(a.Update.To.Sequence), a.Update.CaughtUp
		created[i], digests[i] = nullIfZero(a.Update.Mark.Created), a.Update.Mark.Commit
	}
	batch.Queue(moveCheckpoints, rows.views, rows.versions, rows.rebuilds, rows.partitions, positions, created, digests, agesOf(caughtUp))
}

// nullIfZero maps the zero time to SQL null.
func nullIfZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// rollback aborts a failed transaction. If the rollback fails too, the pool closes the connection on release.
func rollback(ctx context.Context, conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = conn.Exec(ctx, "rollback")
}

// lockAndRead begins the transaction, locks the checkpoints and reads the state that each fold needs. Parked events are
// read last: while this transaction waits for the lock of a shared document, another worker may park an event of it.
func lockAndRead(ctx context.Context, conn *pgxpool.Conn, lockTimeout string, all []port.ProjectionUpdate, builds []*build) error {
	rows := rowsOf(all)
	batch := &pgx.Batch{}
	batch.Queue("begin")
	batch.Queue(beginApply, lockTimeout)
	batch.Queue(lockToApply, rows.views, rows.versions, rows.rebuilds, rows.partitions).Query(func(rows pgx.Rows) error { return checkFences(rows, all) })
	for _, b := range builds {
		b.found = queueReads(batch, b.view, b.keys)
	}
	var parked []int
	rows = buildRows{}
	for _, b := range builds {
		rows.appendBuild(b.view, 0)
	}
	batch.Queue(selectBuildsWithParked, rows.views, rows.versions, rows.rebuilds).Query(func(rows pgx.Rows) (err error) {
		parked, err = pgx.CollectRows(rows, pgx.RowTo[int])
		return err
	})
	if err := conn.SendBatch(ctx, batch).Close(); err != nil || len(parked) == 0 {
		return err
	}
	batch = &pgx.Batch{}
	for _, n := range parked {
		b := builds[n-1]
		for _, a := range b.all {
			if a.Update.Lanes != nil {
				queueLanes(batch, b.view, a.Update.Lanes(), b.found)
			}
		}
	}
	return conn.SendBatch(ctx, batch).Close()
}

// checkFences compares the locked checkpoints with the position and the lease that each update expects.
func checkFences(rows pgx.Rows, all []port.ProjectionUpdate) error {
	var n, found int
	var at uint64
	held := port.Lease{}
	_, err := pgx.ForEachRow(rows, []any{&n, &at, &held.Owner, &held.Epoch}, func() error {
		found++
		if u := all[n-1].Update; at != u.From.Sequence || held.Owner != u.Lease.Owner || held.Epoch != u.Lease.Epoch {
			return fmt.Errorf("%w: the checkpoint is at %d and belongs to %q in epoch %d, not at %d and to %q in epoch %d",
				port.ErrFenced, at, held.Owner, held.Epoch, u.From.Sequence, u.Lease.Owner, u.Lease.Epoch)
		}
		return nil
	})
	if err == nil && found < len(all) {
		return fmt.Errorf("%w: no worker has claimed the partition", port.ErrFenced)
	}
	return err
}

// queueReads reads the existing documents of these keys; in a shared view it locks the keys first. The result is filled
// when the batch is sent.
func queueReads(batch *pgx.Batch, view core.ViewSpec, wanted []port.DocumentKey) port.FoldInput {
	current := port.FoldInput{Documents: make(map[port.DocumentKey]json.RawMessage, len(wanted)), Waiting: map[port.Lane]bool{}}
	if len(wanted) == 0 {
		return current
	}
	tenants, keys := keyColumns(wanted)
	table := tableName(view.Build())
	if view.Shared {
		// A new key gets an empty row; an existing row is locked without a write. All are locked in the order of the
		// keys, so that no two transactions deadlock.
		batch.Queue("insert into "+table+` as old (tenant, key, partition, sequence)
select tenant, key, 0, 0 from unnest($1::text[], $2::text[]) with ordinality as wanted (tenant, key, n) order by n
on conflict (tenant, key) do update set key = old.key where false`, tenants, keys)
	}
	batch.Queue("select d.tenant, d.key, d.data from unnest($1::text[], $2::text[]) as wanted (tenant, key) join "+table+
		` d on d.tenant = wanted.tenant collate "C" and d.key = wanted.key collate "C" where d.data is not null`, tenants, keys).
		Query(func(rows pgx.Rows) error { return scanCurrent(rows, current.Documents) })
	return current
}

// queueLanes reads which of these lanes have parked events.
func queueLanes(batch *pgx.Batch, view core.ViewSpec, lanes []port.Lane, current port.FoldInput) {
	tenants, names := laneColumns(lanes)
	batch.Queue(selectOccupiedLanes, view.Name, view.Version, view.Rebuild, tenants, names).Query(func(rows pgx.Rows) error {
		var lane port.Lane
		_, err := pgx.ForEachRow(rows, []any{&lane.Tenant, &lane.Name}, func() error {
			current.Waiting[lane] = true
			return nil
		})
		return err
	})
}

func laneColumns(lanes []port.Lane) (tenants, names []string) {
	tenants, names = make([]string, len(lanes)), make([]string, len(lanes))
	for i, l := range lanes {
		tenants[i], names[i] = l.Tenant, l.Name
	}
	return tenants, names
}

func scanCurrent(rows pgx.Rows, current map[port.DocumentKey]json.RawMessage) error {
	for rows.Next() {
		var key port.DocumentKey
		var data json.RawMessage
		if err := rows.Scan(&key.Tenant, &key.Key, (*[]byte)(&data)); err != nil {
			return err
		}
		current[key] = data
	}
	return rows.Err()
}

func keyColumns(keys []port.DocumentKey) (tenants, texts []string) {
	tenants, texts = make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		tenants[i], texts[i] = k.Tenant, k.Key
	}
	return tenants, texts
}
