package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Snapshots keeps snapshots in Postgres.
type Snapshots struct {
	db    *DB
	keys  *Keyring // nil: snapshots have a checksum only
	reads *readBatcher[snapshotRead]
}

var _ port.Snapshots = (*Snapshots)(nil)

// NewSnapshots returns the snapshots of a migrated database. Without keys, whoever may write the table can make a snapshot
// that is accepted.
func NewSnapshots(db *DB, keys *Keyring) *Snapshots {
	return &Snapshots{db: db, keys: keys, reads: newReadBatcher[snapshotRead]()}
}

// Load implements [port.Snapshots]. Concurrent loads share statements.
func (s *Snapshots) Load(ctx context.Context, stream core.Stream, schema string) (port.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	r := &snapshotRead{stream: stream, schema: schema}
	if err := s.reads.do(ctx, r, s.readAll); err != nil {
		return port.Snapshot{}, translate("snapshot of "+stream.Path(), err)
	}
	if !r.found {
		return port.Snapshot{}, fmt.Errorf("snapshot of %s: %w", stream, core.ErrNotFound)
	}
	if err := s.keys.check(r.keyID, r.code, stream, r.version, schema, r.state); err != nil {
		return port.Snapshot{}, fmt.Errorf("snapshot of %s: %w: %w", stream, core.ErrNotFound, err)
	}
	return port.Snapshot{Stream: stream, Version: r.version, Schema: schema, State: r.state, Time: r.time.UTC()}, nil
}

const saveSnapshots = `
insert into orchestrix.snapshots as old (tenant, category, id, version, schema, state, key_id, mac, taken_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bytea[], $7::text[], $8::bytea[], $9::timestamptz[])
on conflict (tenant, category, id) do update
set version = excluded.version, schema = excluded.schema, state = excluded.state,
	key_id = excluded.key_id, mac = excluded.mac, taken_at = excluded.taken_at
where excluded.version > old.version or excluded.schema <> old.schema or excluded.key_id <> old.key_id`

// snapshotRows are snapshots, as columns for unnest.
type snapshotRows struct {
	tenants, categories, ids []string
	versions                 []int64
	schemas, keyIDs          []string
	states, codes            [][]byte
	times                    []time.Time
}

// Save implements [port.Snapshots].
func (s *Snapshots) Save(ctx context.Context, snapshots []port.Snapshot) error {
	if len(snapshots) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var rows snapshotRows
	for _, snapshot := range onePerStream(snapshots) {
		rows.tenants = append(rows.tenants, snapshot.Stream.Tenant)
		rows.categories = append(rows.categories, snapshot.Stream.Category)
		rows.ids = append(rows.ids, snapshot.Stream.ID)
		rows.versions = append(rows.versions, int64(snapshot.Version))
		rows.schemas = append(rows.schemas, snapshot.Schema)
		rows.states = append(rows.states, snapshot.State)
		id, code := s.keys.sum(snapshot.Stream, snapshot.Version, snapshot.Schema, snapshot.State)
		rows.keyIDs, rows.codes = append(rows.keyIDs, id), append(rows.codes, code)
		rows.times = append(rows.times, snapshot.Time)
	}
	_, err := s.db.pool.Exec(ctx, saveSnapshots, rows.tenants, rows.categories, rows.ids,
		rows.versions, rows.schemas, rows.states, rows.keyIDs, rows.codes, rows.times)
	return translate("save snapshots", err)
}

// onePerStream keeps the newest snapshot of each stream, sorted by stream: one statement can't write a row twice, and
// writers that lock the rows in one order can't deadlock.
func onePerStream(snapshots []port.Snapshot) []port.Snapshot {
	sorted := slices.Clone(snapshots)
	slices.SortStableFunc(sorted, func(a, b port.Snapshot) int {
		return cmp.Or(strings.Compare(a.Stream.Path(), b.Stream.Path()), -cmp.Compare(a.Version, b.Version))
	})
	return slices.CompactFunc(sorted, func(a, b port.Snapshot) bool { return a.Stream == b.Stream })
}
