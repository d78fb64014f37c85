package postgres

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
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
	reads *readBatcher[snapshotRead]
}

var _ port.Snapshots = (*Snapshots)(nil)

// NewSnapshots returns the snapshots of a migrated database.
func NewSnapshots(db *DB) *Snapshots {
	return &Snapshots{db: db, reads: newReadBatcher[snapshotRead]()}
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
	if !bytes.Equal(r.sum, checksum(stream, r.version, schema, r.state)) {
		return port.Snapshot{}, fmt.Errorf("snapshot of %s does not match its checksum: %w", stream, core.ErrNotFound)
	}
	return port.Snapshot{Stream: stream, Version: r.version, Schema: schema, State: r.state, Time: r.time.UTC()}, nil
}

// checksum covers the state and all that is needed to interpret it: the stream, the version and the schema.
func checksum(stream core.Stream, version core.Version, schema string, state []byte) []byte {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%d\n%q\n", stream.Path(), version, schema)
	sum.Write(state)
	return sum.Sum(nil)
}

const saveSnapshots = `
insert into orchestrix.snapshots as old (tenant, category, id, version, schema, state, sha256, taken_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bytea[], $7::bytea[], $8::timestamptz[])
on conflict (tenant, category, id) do update
set version = excluded.version, schema = excluded.schema, state = excluded.state, sha256 = excluded.sha256, taken_at = excluded.taken_at
where excluded.version > old.version or excluded.schema <> old.schema`

// snapshotRows are snapshots, as columns for unnest.
type snapshotRows struct {
	tenants, categories, ids []string
	versions                 []int64
	schemas                  []string
	states, sums             [][]byte
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
		rows.sums = append(rows.sums, checksum(snapshot.Stream, snapshot.Version, snapshot.Schema, snapshot.State))
		rows.times = append(rows.times, snapshot.Time)
	}
	_, err := s.db.pool.Exec(ctx, saveSnapshots, rows.tenants, rows.categories, rows.ids,
		rows.versions, rows.schemas, rows.states, rows.sums, rows.times)
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
