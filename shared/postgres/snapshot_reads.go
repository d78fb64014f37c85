package postgres

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"orchestrix/shared/es"
)

const (
	snapshotReaders = 2  // statements at the same time
	maxReadAtOnce   = 64 // snapshots in one of them
)

// snapshotReads gathers reads: a statement costs Postgres and the client the same whether it returns one snapshot or
// ten. The first who comes reads at once and alone; who comes while enough others read waits for one of them to end, and
// is then read together with all who wait. Nobody waits for company.
type snapshotReads struct {
	mu      sync.Mutex
	reading int
	waiting []*snapshotRead
}

// snapshotRead is one read and what came of it.
type snapshotRead struct {
	stream es.Stream
	schema string
	lead   chan struct{} // closed when this one has to read for all who wait
	done   chan struct{} // closed when another has read it

	found      bool
	version    es.Version
	state, sum []byte
	time       time.Time
	err        error
}

// errLeft says that the one who read for others was called off: they have to do it themselves.
var errLeft = errors.New("the reader has left")

func (q *snapshotReads) read(ctx context.Context, db *DB, r *snapshotRead) error {
	if !q.begin(r) {
		select {
		case <-r.done:
			if errors.Is(r.err, errLeft) {
				return readSnapshots(ctx, db, []*snapshotRead{r})
			}
			return r.err
		case <-r.lead:
		case <-ctx.Done():
			return q.abandon(ctx, r)
		}
	}
	group := q.take(r)
	err := readSnapshots(ctx, db, group)
	q.end()
	for _, other := range group[1:] {
		if other.err = err; err != nil && ctx.Err() != nil {
			other.err = errLeft
		}
		close(other.done)
	}
	return err
}

// begin reports whether r may read now. It has to wait otherwise.
func (q *snapshotReads) begin(r *snapshotRead) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.reading < snapshotReaders {
		q.reading++
		return true
	}
	q.waiting = append(q.waiting, r)
	return false
}

// take returns r, which leads, and those who wait.
func (q *snapshotReads) take(r *snapshotRead) []*snapshotRead {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), maxReadAtOnce-1)
	group := append([]*snapshotRead{r}, q.waiting[:n]...)
	q.waiting = slices.Delete(q.waiting, 0, n)
	return group
}

// end lets the next who waits lead.
func (q *snapshotReads) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.reading--
		return
	}
	next := q.waiting[0]
	q.waiting = slices.Delete(q.waiting, 0, 1)
	close(next.lead)
}

// abandon ends a wait. Whom it was left to lead passes that on.
func (q *snapshotReads) abandon(ctx context.Context, r *snapshotRead) error {
	q.mu.Lock()
	q.waiting = slices.DeleteFunc(q.waiting, func(other *snapshotRead) bool { return other == r })
	q.mu.Unlock()
	select {
	case <-r.lead:
		q.end()
	default:
	}
	return ctx.Err()
}

const (
	loadSnapshot = `
select 1::bigint, version, state, sha256, taken_at from orchestrix.snapshots
where tenant = $1 and category = $2 and id = $3 and schema = $4`

	loadSnapshots = `
select w.n, s.version, s.state, s.sha256, s.taken_at
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality as w (tenant, category, id, schema, n)
cross join lateral (
	select version, state, sha256, taken_at from orchestrix.snapshots o
	where o.tenant = w.tenant and o.category = w.category and o.id = w.id and o.schema = w.schema limit 1
) s`
)

// readSnapshots fills in those that are there.
func readSnapshots(ctx context.Context, db *DB, reads []*snapshotRead) error {
	sql, args := loadSnapshot, []any{reads[0].stream.Tenant, reads[0].stream.Category, reads[0].stream.ID, reads[0].schema}
	if n := len(reads); n > 1 {
		tenants, categories, ids, schemas := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		for i, r := range reads {
			tenants[i], categories[i], ids[i], schemas[i] = r.stream.Tenant, r.stream.Category, r.stream.ID, r.schema
		}
		sql, args = loadSnapshots, []any{tenants, categories, ids, schemas}
	}
	rows, err := db.pool.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		var found snapshotRead
		if err := rows.Scan(&n, &found.version, &found.state, &found.sum, &found.time); err != nil {
			return err
		}
		r := reads[n-1]
		r.found, r.version, r.state, r.sum, r.time = true, found.version, found.state, found.sum, found.time
	}
	return rows.Err()
}
