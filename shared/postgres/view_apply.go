package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"orchestrix/shared/es"
)

const (
	// lockCheckpoint is the fence: until the transaction ends, nobody can take the lease or move the checkpoint.
	lockCheckpoint = `
select position, owner, epoch from orchestrix.checkpoints
where view = $1 and version = $2 and rebuild = $3 and partition = $4 for update`

	moveCheckpoint = `
update orchestrix.checkpoints
set position = $5, log_created = $6, commit_sha256 = $7, updated_at = clock_timestamp(),
	caught_up_at = case when $8 then clock_timestamp() else caught_up_at end
where view = $1 and version = $2 and rebuild = $3 and partition = $4`

	// takenLanes costs one look at an empty table where nothing is parked.
	takenLanes = `
select distinct p.tenant, p.lane from orchestrix.parked p
join unnest($4::text[], $5::text[]) as wanted (tenant, lane) on p.tenant = wanted.tenant collate "C" and p.lane = wanted.lane collate "C"
where p.view = $1 and p.version = $2 and p.rebuild = $3
and exists (select from orchestrix.parked where view = $1 and version = $2 and rebuild = $3)`

	// A worker that is stopped in the middle of a transaction must not hold others up for ever.
	limitIdle = `set local idle_in_transaction_session_timeout = '4s'`

	// beginApply also leaves the sync of the transaction log to Postgres, which does it within a second: a crash of
	// Postgres then takes the newest transactions back, rows and checkpoint together, and the log is read again from
	// there. Whatever is committed later with a sync has all of them on disk too.
	beginApply = `select set_config('idle_in_transaction_session_timeout', '4s', true), set_config('synchronous_commit', 'off', true)`
)

const applyAttempts = 5

// Apply implements [es.ViewWriter]. It takes two round trips: one that locks and reads, one that writes and commits.
func (v *Views) Apply(ctx context.Context, view es.ViewSpec, u es.Update, fold es.FoldFunc) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		err := v.applyOnce(ctx, view, u, fold)
		if attempt == applyAttempts || !hasCode(err, serialization, deadlock) {
			return err
		}
		select {
		case <-time.After(rand.N(time.Duration(attempt) * 20 * time.Millisecond)):
		case <-ctx.Done():
			return err
		}
	}
}

func (v *Views) applyOnce(ctx context.Context, view es.ViewSpec, u es.Update, fold es.FoldFunc) (err error) {
	what := fmt.Sprintf("apply to %s, partition %d", view.Build(), u.Lease.Partition)
	conn, err := v.db.pool.Acquire(ctx)
	if err != nil {
		return translate(what, err)
	}
	defer conn.Release() // closes a connection that is still in a transaction
	defer func() {
		if err != nil {
			rollback(ctx, conn)
		}
	}()
	current, err := lockAndRead(ctx, conn, view, u)
	if err != nil {
		if errors.Is(err, es.ErrFenced) {
			return fmt.Errorf("%s: %w", what, err)
		}
		return translate(what, err)
	}
	outcome, err := fold(current)
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	queueWrites(batch, view, u.Keys, current, outcome)
	batch.Queue(moveCheckpoint, view.Name, view.Version, view.Rebuild, u.Lease.Partition, u.To.Sequence, orNull(u.Mark.Created), u.Mark.Commit, u.CaughtUp)
	batch.Queue("commit")
	return translate(what, conn.SendBatch(ctx, batch).Close())
}

// orNull makes the zero time null.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// rollback ends a transaction that came to nothing. Where even that fails, the connection is closed on release.
func rollback(ctx context.Context, conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = conn.Exec(ctx, "rollback")
}

func lockAndRead(ctx context.Context, conn *pgxpool.Conn, view es.ViewSpec, u es.Update) (es.Current, error) {
	batch := &pgx.Batch{}
	batch.Queue("begin")
	batch.Queue(beginApply)
	batch.Queue(lockCheckpoint, view.Name, view.Version, view.Rebuild, u.Lease.Partition).QueryRow(func(row pgx.Row) error {
		var at uint64
		held := es.Lease{}
		err := row.Scan(&at, &held.Owner, &held.Epoch)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%w: nobody has claimed the partition", es.ErrFenced)
		}
		if err == nil && (at != u.From.Sequence || held.Owner != u.Lease.Owner || held.Epoch != u.Lease.Epoch) {
			return fmt.Errorf("%w: the checkpoint is at %d and belongs to %q in epoch %d, not at %d and to %q in epoch %d",
				es.ErrFenced, at, held.Owner, held.Epoch, u.From.Sequence, u.Lease.Owner, u.Lease.Epoch)
		}
		return err
	})
	current := queueReads(batch, view, u.Keys, u.Lanes)
	return current, conn.SendBatch(ctx, batch).Close()
}

// queueReads locks the documents of a shared view and reads what a fold has to know. The result is filled when the
// batch is sent.
func queueReads(batch *pgx.Batch, view es.ViewSpec, wanted []es.DocumentKey, lanes []es.Lane) es.Current {
	current := es.Current{Documents: make(map[es.DocumentKey]json.RawMessage, len(wanted)), Waiting: map[es.Lane]bool{}}
	tenants, keys := columns(wanted)
	table := tableName(view.Build())
	if view.Shared && len(keys) > 0 {
		// New keys get an empty row, and rows that are there are locked without being written: all in the order
		// of the keys, so that no two transactions wait for each other.
		batch.Queue("insert into "+table+` as old (tenant, key, partition, sequence)
select tenant, key, 0, 0 from unnest($1::text[], $2::text[]) with ordinality as wanted (tenant, key, n) order by n
on conflict (tenant, key) do update set key = old.key where false`, tenants, keys)
	}
	if len(keys) > 0 {
		batch.Queue("select d.tenant, d.key, d.data from unnest($1::text[], $2::text[]) as wanted (tenant, key) join "+table+
			` d on d.tenant = wanted.tenant collate "C" and d.key = wanted.key collate "C" where d.data is not null`, tenants, keys).
			Query(func(rows pgx.Rows) error { return scanCurrent(rows, current.Documents) })
	}
	if len(lanes) > 0 {
		laneTenants, names := laneColumns(lanes)
		batch.Queue(takenLanes, view.Name, view.Version, view.Rebuild, laneTenants, names).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				var lane es.Lane
				if err := rows.Scan(&lane.Tenant, &lane.Name); err != nil {
					return err
				}
				current.Waiting[lane] = true
			}
			return rows.Err()
		})
	}
	return current
}

func laneColumns(lanes []es.Lane) (tenants, names []string) {
	tenants, names = make([]string, len(lanes)), make([]string, len(lanes))
	for i, l := range lanes {
		tenants[i], names[i] = l.Tenant, l.Name
	}
	return tenants, names
}

func scanCurrent(rows pgx.Rows, current map[es.DocumentKey]json.RawMessage) error {
	for rows.Next() {
		var key es.DocumentKey
		var data json.RawMessage
		if err := rows.Scan(&key.Tenant, &key.Key, (*[]byte)(&data)); err != nil {
			return err
		}
		current[key] = data
	}
	return rows.Err()
}

func columns(keys []es.DocumentKey) (tenants, texts []string) {
	tenants, texts = make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		tenants[i], texts[i] = k.Tenant, k.Key
	}
	return tenants, texts
}

// changedRows are the documents to write, by column.
type changedRows struct {
	tenants, keys []string
	partitions    []int
	sequences     []int64
	data          []string
}

// queueWrites queues what a fold leaves behind. keys are the documents that were locked.
func queueWrites(batch *pgx.Batch, view es.ViewSpec, keys []es.DocumentKey, current es.Current, outcome es.Outcome) {
	changed, gone := sortOut(current.Documents, outcome.Writes)
	if view.Shared {
		gone = append(gone, unusedRows(keys, current.Documents, changed)...)
	}
	table := tableName(view.Build())
	if len(changed.keys) > 0 {
		batch.Queue("insert into "+table+` (tenant, key, partition, sequence, data)
select * from unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::json[])
on conflict (tenant, key) do update set partition = excluded.partition, sequence = excluded.sequence, data = excluded.data`,
			changed.tenants, changed.keys, changed.partitions, changed.sequences, changed.data)
	}
	if len(gone) > 0 {
		tenants, keys := columns(gone)
		batch.Queue("delete from "+table+` d using unnest($1::text[], $2::text[]) as gone (tenant, key)
where d.tenant = gone.tenant collate "C" and d.key = gone.key collate "C"`, tenants, keys)
	}
	for _, p := range outcome.Parked { // rare enough
		queueParking(batch, view.Build(), p)
	}
}

// sortOut leaves out what is as it was: a row that is not written costs nothing.
func sortOut(current map[es.DocumentKey]json.RawMessage, writes []es.DocumentWrite) (changed changedRows, gone []es.DocumentKey) {
	for _, w := range writes {
		before, existed := current[w.DocumentKey]
		switch {
		case w.Data == nil && existed:
			gone = append(gone, w.DocumentKey)
		case w.Data != nil && !(existed && bytes.Equal(before, w.Data)):
			changed.tenants = append(changed.tenants, w.Tenant)
			changed.keys = append(changed.keys, w.Key)
			changed.partitions = append(changed.partitions, w.Position.Partition)
			changed.sequences = append(changed.sequences, int64(w.Position.Sequence))
			changed.data = append(changed.data, string(w.Data))
		}
	}
	return changed, gone
}

// unusedRows are those that were made to lock a key for which nothing was written.
func unusedRows(keys []es.DocumentKey, current map[es.DocumentKey]json.RawMessage, changed changedRows) (unused []es.DocumentKey) {
	written := make(map[es.DocumentKey]bool, len(changed.keys))
	for i, key := range changed.keys {
		written[es.DocumentKey{Tenant: changed.tenants[i], Key: key}] = true
	}
	for _, key := range keys {
		if _, existed := current[key]; !existed && !written[key] {
			unused = append(unused, key)
		}
	}
	return unused
}
