package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

const (
	snapshotColumns = `select tenant, category, id, version, schema, state, taken_at from orchestrix.snapshots`

	listSnapshots = snapshotColumns + ` where (tenant, category, id) > ($1, $2, $3) order by tenant, category, id limit $4`

	// sampleSnapshots reads more blocks than needed, and of their rows some at random: the whole table may be large.
	sampleSnapshots = snapshotColumns + ` tablesample system (least(100, 300.0 * $1 / greatest(1,
	(select reltuples from pg_class where oid = 'orchestrix.snapshots'::regclass)))) order by random() limit $1`
)

const snapshotPage = 200

// Each calls fn with every snapshot as it is stored, authentic or not; with so many chosen at random where sample is not 0. It
// stops at the first error of fn, and returns it.
func (s *Snapshots) Each(ctx context.Context, sample int, fn func(port.Snapshot) error) error {
	if sample > 0 {
		_, _, err := s.each(ctx, fn, sampleSnapshots, sample)
		return err
	}
	var last core.Stream
	for {
		found, next, err := s.each(ctx, fn, listSnapshots, last.Tenant, last.Category, last.ID, snapshotPage)
		if err != nil || found < snapshotPage {
			return err
		}
		last = next
	}
}

func (s *Snapshots) each(ctx context.Context, fn func(port.Snapshot) error, sql string, args ...any) (found int, last core.Stream, err error) {
	rows, err := s.db.pool.Query(ctx, sql, args...)
	if err != nil {
		return 0, last, translate("read the snapshots", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s port.Snapshot, err error) {
		err = row.Scan(&s.Stream.Tenant, &s.Stream.Category, &s.Stream.ID, &s.Version, &s.Schema, &s.State, &s.Time)
		return s, err
	})
	if err != nil {
		return 0, last, translate("read the snapshots", err)
	}
	for _, snapshot := range all {
		last = snapshot.Stream
		if err := fn(snapshot); err != nil {
			return len(all), last, err
		}
	}
	return len(all), last, nil
}
