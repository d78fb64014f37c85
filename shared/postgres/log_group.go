package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"orchestrix/shared/es"
)

const (
	// lockPartition makes the order of sequences that in which commits become visible: the next to append waits until
	// this transaction has ended.
	lockPartition = `select head from orchestrix.log_partitions where partition = $1 for update`

	selectEnds = `
select w.n, l.version, l.sequence
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as w (tenant, category, stream, n)
cross join lateral (
	select version, sequence from orchestrix.log_commits c
	where c.tenant = w.tenant collate "C" and c.category = w.category collate "C" and c.stream = w.stream collate "C"
	order by first_version desc limit 1
) l`

	selectLanded = `
select w.n, c.version, c.sequence, c.previous, c.command_id, c.command_hash, (c.body->0->>'time')::text
from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) with ordinality as w (tenant, category, stream, first_version, n)
join orchestrix.log_commits c on c.tenant = w.tenant collate "C" and c.category = w.category collate "C"
	and c.stream = w.stream collate "C" and c.first_version = w.first_version`

	insertCommits = `
insert into orchestrix.log_commits (partition, sequence, tenant, category, stream, first_version, version,
	command_id, command_hash, traceparent, tracestate, previous, body)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`

	moveHead = `update orchestrix.log_partitions set head = $2, head_at = clock_timestamp() where partition = $1`
)

// group is one transaction's view of the streams that it appends to.
type group struct {
	partition int
	head      uint64
	requests  []*appendRequest
	ends      map[es.Stream]streamEnd
	landed    map[landingPlace]*written // what stands where a request wants to
}

// streamEnd is a stream's newest commit.
type streamEnd struct {
	sequence uint64
	version  es.Version
}

type landingPlace struct {
	es.Stream
	first es.Version
}

type written struct {
	revision es.Revision
	command  es.CommandRef
	time     time.Time
}

// tryGroup appends what can be appended, in one transaction of two round trips.
func (l *Log) tryGroup(ctx context.Context, partition int, requests []*appendRequest) (err error) {
	const what = "append"
	conn, err := l.db.pool.Acquire(ctx)
	if err != nil {
		return translate(what, err)
	}
	defer conn.Release() // closes a connection that is still in a transaction
	g := &group{partition: partition, requests: requests, ends: map[es.Stream]streamEnd{}, landed: map[landingPlace]*written{}}
	if err := g.read(ctx, conn); err != nil {
		rollback(ctx, conn)
		return translate(what, err)
	}
	batch := &pgx.Batch{}
	for _, r := range requests {
		r.revision, r.err = g.decide(r, batch)
	}
	batch.Queue(moveHead, partition, g.head)
	batch.Queue("commit")
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		rollback(ctx, conn)
		return translate(what, err)
	}
	return nil
}

func (g *group) read(ctx context.Context, conn *pgxpool.Conn) error {
	n := len(g.requests)
	tenants, categories, ids, firsts := make([]string, n), make([]string, n), make([]string, n), make([]int64, n)
	for i, r := range g.requests {
		s := r.commit.Stream
		tenants[i], categories[i], ids[i], firsts[i] = s.Tenant, s.Category, s.ID, int64(r.expected.Version)+1
	}
	batch := &pgx.Batch{}
	batch.Queue("begin")
	batch.Queue(limitIdle)
	batch.Queue(lockPartition, g.partition).QueryRow(func(row pgx.Row) error { return row.Scan(&g.head) })
	batch.Queue(selectEnds, tenants, categories, ids).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var n int
			var version es.Version
			var sequence uint64
			if err := rows.Scan(&n, &version, &sequence); err != nil {
				return err
			}
			g.ends[g.requests[n-1].commit.Stream] = streamEnd{sequence, version}
		}
		return rows.Err()
	})
	batch.Queue(selectLanded, tenants, categories, ids, firsts).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var n int
			var w written
			var previous []int64
			var at string
			if err := rows.Scan(&n, &w.revision.Version, &w.revision.Position.Sequence, &previous, &w.command.ID, &w.command.Hash, &at); err != nil {
				return err
			}
			if w.time, _ = time.Parse(time.RFC3339Nano, at); w.time.IsZero() {
				return fmt.Errorf("%w: the commit at %d has the time %q", es.ErrCorrupt, w.revision.Position.Sequence, at)
			}
			for _, p := range previous {
				w.revision.Previous = append(w.revision.Previous, uint64(p))
			}
			w.revision.Position.Partition = g.partition
			r := g.requests[n-1]
			g.landed[landingPlace{r.commit.Stream, r.expected.Version + 1}] = &w
		}
		return rows.Err()
	})
	return conn.SendBatch(ctx, batch).Close()
}

// decide queues the commit of a request, or says why it can't be appended.
func (g *group) decide(r *appendRequest, batch *pgx.Batch) (es.Revision, error) {
	c := &r.commit
	place := landingPlace{c.Stream, r.expected.Version + 1}
	if there := g.landed[place]; there != nil && there.command == c.Command && there.time.Equal(c.Time) {
		return there.revision, nil
	}
	if end := g.ends[c.Stream]; end.sequence != r.expected.Position.Sequence {
		return es.Revision{}, &es.ConflictError{Stream: c.Stream, Expected: r.expected.Version, Actual: end.version}
	}
	g.head++
	c.Position = es.Position{Partition: g.partition, Sequence: g.head}
	previous := make([]int64, len(c.Previous))
	for i, p := range c.Previous {
		previous[i] = int64(p)
	}
	batch.Queue(insertCommits, g.partition, c.Position.Sequence, c.Stream.Tenant, c.Stream.Category, c.Stream.ID, c.First(), c.Version,
		c.Command.ID, c.Command.Hash, c.Trace.Parent, c.Trace.State, previous, r.body)
	g.ends[c.Stream] = streamEnd{g.head, c.Version}
	g.landed[place] = &written{revision: c.Revision(), command: c.Command, time: c.Time}
	return c.Revision(), nil
}
