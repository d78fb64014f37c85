package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

const (
	// lockPartition serializes the transactions that append to a partition, so that commits become visible in the order of
	// their sequences.
	lockPartition = `select head, restoring from orchestrix.log_partitions where partition = $1 for update`

	selectEnds = `
select w.n, l.version, l.sequence
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as w (tenant, category, stream, n)
cross join lateral (
	select version, sequence from orchestrix.log_commits c
	where c.tenant = w.tenant collate "C" and c.category = w.category collate "C" and c.stream = w.stream collate "C"
	order by first_version desc limit 1
) l`

	selectStored = `
select w.n, c.version, c.sequence, c.previous, c.command_id, c.command_hash, (c.body->0->>'time')::text
from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) with ordinality as w (tenant, category, stream, first_version, n)
join orchestrix.log_commits c on c.tenant = w.tenant collate "C" and c.category = w.category collate "C"
	and c.stream = w.stream collate "C" and c.first_version = w.first_version`

	insertCommits = `
insert into orchestrix.log_commits (partition, sequence, tenant, category, stream, first_version, version,
	command_id, command_hash, traceparent, tracestate, previous, body, sender, principal, actor, via, key_id)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`

	moveHead = `update orchestrix.log_partitions set head = $2, head_at = clock_timestamp() where partition = $1`
)

// appendBatch is the state of one transaction: the requests, and the ends of the streams that they append to.
type appendBatch struct {
	partition int
	head      uint64
	restoring string // the backup that is being restored; empty for none
	requests  []*appendRequest
	ends      map[core.Stream]streamEnd
	stored    map[commitKey]*storedCommit // commits that already have the first version of a request
}

// streamEnd is a stream's newest commit.
type streamEnd struct {
	sequence uint64
	version  core.Version
}

// commitKey identifies a commit by its stream and first version.
type commitKey struct {
	core.Stream
	first core.Version
}

type storedCommit struct {
	revision core.Revision
	command  core.CommandRef
	time     time.Time
}

// tryBatch appends the commits whose stream is at the expected revision, in one transaction of two round trips. It leaves
// the result of each append in its request.
func (l *Log) tryBatch(ctx context.Context, partition int, requests []*appendRequest) (err error) {
	const what = "append"
	conn, err := l.db.pool.Acquire(ctx)
	if err != nil {
		return translate(what, err)
	}
	defer conn.Release() // closes a connection that is still in a transaction
	b := &appendBatch{partition: partition, requests: requests, ends: map[core.Stream]streamEnd{}, stored: map[commitKey]*storedCommit{}}
	if err := b.lockAndReadEnds(ctx, conn); err != nil {
		rollback(ctx, conn)
		return translate(what, err)
	}
	if b.restoring != l.restore {
		rollback(ctx, conn)
		return port.ErrRestoring
	}
	batch := &pgx.Batch{}
	for _, r := range requests {
		r.revision, r.err = b.queueCommit(r, batch)
	}
	batch.Queue(moveHead, partition, b.head)
	batch.Queue("commit")
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		rollback(ctx, conn)
		return translate(what, err)
	}
	return nil
}

// lockAndReadEnds begins the transaction, locks the partition and reads the ends of the streams.
func (b *appendBatch) lockAndReadEnds(ctx context.Context, conn *pgxpool.Conn) error {
	n := len(b.requests)
	tenants, categories, ids, firsts := make([]string, n), make([]string, n), make([]string, n), make([]int64, n)
	for i, r := range b.requests {
		s := r.commit.Stream
		tenants[i], categories[i], ids[i], firsts[i] = s.Tenant, s.Category, s.ID, int64(r.expected.Version)+1
	}
	batch := &pgx.Batch{}
	batch.Queue("begin")
	batch.Queue(limitIdle)
	batch.Queue(lockPartition, b.partition).QueryRow(func(row pgx.Row) error { return row.Scan(&b.head, &b.restoring) })
	batch.Queue(selectEnds, tenants, categories, ids).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var n int
			var version core.Version
			var sequence uint64
			if err := rows.Scan(&n, &version, &sequence); err != nil {
				return err
			}
			b.ends[b.requests[n-1].commit.Stream] = streamEnd{sequence, version}
		}
		return rows.Err()
	})
	batch.Queue(selectStored, tenants, categories, ids, firsts).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var n int
			var w storedCommit
			var previous []int64
			var at string
			if err := rows.Scan(&n, &w.revision.Version, &w.revision.Position.Sequence, &previous, &w.command.ID, &w.command.Hash, &at); err != nil {
				return err
			}
			if w.time, _ = time.Parse(time.RFC3339Nano, at); w.time.IsZero() {
				return fmt.Errorf("%w: the commit at %d has the time %q", core.ErrCorrupt, w.revision.Position.Sequence, at)
			}
			for _, p := range previous {
				w.revision.Previous = append(w.revision.Previous, uint64(p))
			}
			w.revision.Position.Partition = b.partition
			r := b.requests[n-1]
			b.stored[commitKey{r.commit.Stream, r.expected.Version + 1}] = &w
		}
		return rows.Err()
	})
	return conn.SendBatch(ctx, batch).Close()
}

// queueCommit queues the insert of a request and returns its revision. It returns [port.ErrConflict] where the stream is
// not at the expected revision. A repeated request, whose commit is already stored, gets the revision of that commit.
func (b *appendBatch) queueCommit(r *appendRequest, batch *pgx.Batch) (core.Revision, error) {
	c := &r.commit
	key := commitKey{c.Stream, r.expected.Version + 1}
	if stored := b.stored[key]; stored != nil && stored.command == c.Command && stored.time.Equal(c.Time) {
		return stored.revision, nil
	}
	if end := b.ends[c.Stream]; end.sequence != r.expected.Position.Sequence {
		return core.Revision{}, &port.ConflictError{Stream: c.Stream, Expected: r.expected.Version, Actual: end.version}
	}
	b.head++
	c.Position = core.Position{Partition: b.partition, Sequence: b.head}
	previous := make([]int64, len(c.Previous))
	for i, p := range c.Previous {
		previous[i] = int64(p)
	}
	batch.Queue(insertCommits, b.partition, c.Position.Sequence, c.Stream.Tenant, c.Stream.Category, c.Stream.ID, c.First(), c.Version,
		c.Command.ID, c.Command.Hash, c.Trace.Parent, c.Trace.State, previous, r.body,
		c.Origin.Sender, c.Origin.Principal, c.Origin.Actor, c.Origin.Via, c.Origin.KeyID)
	b.ends[c.Stream] = streamEnd{b.head, c.Version}
	b.stored[key] = &storedCommit{revision: c.Revision(), command: c.Command, time: c.Time}
	return c.Revision(), nil
}
