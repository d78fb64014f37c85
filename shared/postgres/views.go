package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"orchestrix/shared/es"
)

// Views keeps views in Postgres.
type Views struct {
	db *DB

	mu     sync.Mutex
	active map[string]activeVersion // as last seen, by view: each read checks it
}

// activeVersion is what readers see of a view.
type activeVersion struct {
	es.ViewSpec
	prepared time.Time // moves when the declared fields change
}

var _ es.ViewStore = (*Views)(nil)

// NewViews returns the views of a migrated database.
func NewViews(db *DB) *Views { return &Views{db: db, active: map[string]activeVersion{}} }

const (
	selectActive = `
select v.version, v.prepared_at from orchestrix.views a
join orchestrix.view_versions v on v.view = a.name and v.version = a.active_version where a.name = $1`

	selectSpec = `
select v.version, v.prepared_at, v.fields, v.shared from orchestrix.views a
join orchestrix.view_versions v on v.view = a.name and v.version = a.active_version where a.name = $1`
)

// lookups bounds how often a read starts again because the active version has just changed.
const lookups = 3

// statement is one read of a view's table.
type statement struct {
	sql  string
	args []any
	scan func(pgx.Rows) error
}

// read runs the statement that build makes for the active version, in one round trip with a look whether that
// version is still active. A version that has just been switched away from is not answered from: it may lack what
// a request has waited for.
func (v *Views) read(ctx context.Context, view string, build func(es.ViewSpec) (statement, error)) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		known, isNew, err := v.lookUp(ctx, view)
		if err != nil {
			return err
		}
		s, err := build(known.ViewSpec)
		stale := false
		if err == nil {
			stale, err = v.readFrom(ctx, known, s)
		}
		if stale || (err != nil && !isNew && (errors.Is(err, es.ErrBadQuery) || hasCode(err, undefinedTable))) {
			v.forget(view)
			if attempt < lookups {
				continue
			}
		}
		if stale {
			return fmt.Errorf("%w: view %s is being switched to another version again and again", es.ErrUnavailable, view)
		}
		return err
	}
}

// readFrom reports whether known was stale: the answer then does not count.
func (v *Views) readFrom(ctx context.Context, known activeVersion, s statement) (stale bool, err error) {
	batch := &pgx.Batch{}
	batch.Queue(selectActive, known.Name).QueryRow(func(row pgx.Row) error {
		var version int
		var prepared time.Time
		err := row.Scan(&version, &prepared)
		stale = errors.Is(err, pgx.ErrNoRows) || version != known.Version || !prepared.Equal(known.prepared)
		return err
	})
	batch.Queue(s.sql, s.args...).Query(s.scan)
	err = v.db.pool.SendBatch(ctx, batch).Close()
	return stale, translate("read view "+known.Name, err)
}

// lookUp returns what is known of the view, and whether that was just read.
func (v *Views) lookUp(ctx context.Context, view string) (known activeVersion, isNew bool, err error) {
	v.mu.Lock()
	known, ok := v.active[view]
	v.mu.Unlock()
	if ok {
		return known, false, nil
	}
	known.Name = view
	var fields []byte
	err = v.db.pool.QueryRow(ctx, selectSpec, view).Scan(&known.Version, &known.prepared, &fields, &known.Shared)
	if errors.Is(err, pgx.ErrNoRows) {
		return known, true, notBuilt(view)
	}
	if err != nil {
		return known, true, translate("look up view "+view, err)
	}
	if err := json.Unmarshal(fields, &known.Fields); err != nil {
		return known, true, fmt.Errorf("fields of view %s: %w", view, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.active[view] = known
	return known, true, nil
}

func notBuilt(view string) error {
	return fmt.Errorf("%w: view %q is not built yet: the projection service builds it", es.ErrUnavailable, view)
}

func (v *Views) forget(view string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.active, view)
}

// Get implements [es.ViewReader].
func (v *Views) Get(ctx context.Context, view, tenant, key string) (es.Document, error) {
	found := false
	document := es.Document{Key: key}
	err := v.read(ctx, view, func(spec es.ViewSpec) (statement, error) {
		return statement{
			sql:  "select partition, sequence, data from " + tableName(spec.Name, spec.Version) + " where tenant = $1 and key = $2 and data is not null",
			args: []any{tenant, key},
			scan: func(rows pgx.Rows) error {
				found = rows.Next()
				if found {
					return rows.Scan(&document.Position.Partition, &document.Position.Sequence, &document.Data)
				}
				return rows.Err()
			},
		}, nil
	})
	if err != nil {
		return es.Document{}, err
	}
	if !found {
		return es.Document{}, fmt.Errorf("view %s, document %q: %w", view, key, es.ErrNotFound)
	}
	return document, nil
}
