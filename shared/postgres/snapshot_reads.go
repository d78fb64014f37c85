package postgres

import (
	"context"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// snapshotRead is one read of a snapshot, with its result.
type snapshotRead struct {
	stream core.Stream
	schema string

	found       bool
	version     core.Version
	state, code []byte
	keyID       string
	time        time.Time
}

const (
	loadSnapshot = `
select 1::bigint, version, state, key_id, mac, taken_at from orchestrix.snapshots
where tenant = $1 and category = $2 and id = $3 and schema = $4`

	loadSnapshots = `
select w.n, s.version, s.state, s.key_id, s.mac, s.taken_at
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality as w (tenant, category, id, schema, n)
cross join lateral (
	select version, state, key_id, mac, taken_at from orchestrix.snapshots o
	where o.tenant = w.tenant and o.category = w.category and o.id = w.id and o.schema = w.schema limit 1
) s`
)

// readAll fills in the reads whose snapshot exists.
func (s *Snapshots) readAll(ctx context.Context, reads []*snapshotRead) error {
	sql, args := loadSnapshot, []any{reads[0].stream.Tenant, reads[0].stream.Category, reads[0].stream.ID, reads[0].schema}
	if n := len(reads); n > 1 {
		tenants, categories, ids, schemas := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		for i, r := range reads {
			tenants[i], categories[i], ids[i], schemas[i] = r.stream.Tenant, r.stream.Category, r.stream.ID, r.schema
		}
		sql, args = loadSnapshots, []any{tenants, categories, ids, schemas}
	}
	rows, err := s.db.pool.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		var found snapshotRead
		if err := rows.Scan(&n, &found.version, &found.state, &found.keyID, &found.code, &found.time); err != nil {
			return err
		}
		r := reads[n-1]
		r.found, r.version, r.state, r.keyID, r.code, r.time = true, found.version, found.state, found.keyID, found.code, found.time
	}
	return rows.Err()
}
