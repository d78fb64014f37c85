package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"orchestrix/shared/es"
)

// Views keeps views in Postgres.
type Views struct {
	db *DB

	mu     sync.Mutex
	active map[string]activeBuild // as last seen, by view: each read checks it
}

// activeBuild is what readers see of a view.
type activeBuild struct {
	es.ViewSpec
	prepared time.Time // moves when the declared fields change
}

var _ es.ViewStore = (*Views)(nil)

// NewViews returns the views of a migrated database.
func NewViews(db *DB) *Views { return &Views{db: db, active: map[string]activeBuild{}} }

const (
	selectActive = `
select b.version, b.rebuild, b.prepared_at from orchestrix.views a
join orchestrix.view_builds b on b.view = a.name and b.version = a.active_version and b.rebuild = a.active_rebuild where a.name = $1`

	selectSpec = `
select b.version, b.rebuild, b.prepared_at, b.fields, b.shared from orchestrix.views a
join orchestrix.view_builds b on b.view = a.name and b.version = a.active_version and b.rebuild = a.active_rebuild where a.name = $1`
)

// lookups bounds how often a read starts again because the active build has just changed.
const lookups = 3

// statement is one read of a view's table.
type statement struct {
	sql  string
	args []any
	scan func(pgx.Rows) error
	// one, where it is set, takes the place of scan: the statement itself says in its first columns which build is
	// active (version and rebuild), and makes one row.
	one func(row pgx.Row, active ...any) error
}

// read runs the statement that build makes for the active build, in one round trip with a look whether that is
// still active. A build that has just been switched away from is not answered from: it may lack what a request
// has waited for.
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
			return fmt.Errorf("%w: view %s is being switched to another build again and again", es.ErrUnavailable, view)
		}
		return err
	}
}

// readFrom reports whether known was stale: the answer then does not count.
func (v *Views) readFrom(ctx context.Context, known activeBuild, s statement) (stale bool, err error) {
	now := es.Build{View: known.Name}
	var prepared time.Time
	active := []any{&now.Version, &now.Rebuild, &prepared}
	if s.one != nil {
		err = s.one(v.db.pool.QueryRow(ctx, s.sql, s.args...), active[:2]...)
		stale = errors.Is(err, pgx.ErrNoRows) || err == nil && now != known.Build()
	} else {
		batch := &pgx.Batch{}
		batch.Queue(selectActive, known.Name).QueryRow(func(row pgx.Row) error {
			err := row.Scan(active...)
			stale = errors.Is(err, pgx.ErrNoRows) || now != known.Build() || !prepared.Equal(known.prepared)
			return err
		})
		batch.Queue(s.sql, s.args...).Query(s.scan)
		err = v.db.pool.SendBatch(ctx, batch).Close()
	}
	return stale, translate("read view "+known.Name, err)
}

// lookUp returns what is known of the view, and whether that was just read.
func (v *Views) lookUp(ctx context.Context, view string) (known activeBuild, isNew bool, err error) {
	v.mu.Lock()
	known, ok := v.active[view]
	v.mu.Unlock()
	if ok {
		return known, false, nil
	}
	known.Name = view
	var fields []byte
	err = v.db.pool.QueryRow(ctx, selectSpec, view).Scan(&known.Version, &known.Rebuild, &known.prepared, &fields, &known.Shared)
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

// selectDocument is which build is active and its document, in one statement: a read by key is what most reads are. It
// needs not know whether the fields of the build have changed.
const selectDocument = `
select a.active_version, a.active_rebuild, d.partition, d.sequence, d.data from orchestrix.views a
left join %s d on d.tenant = $2 and d.key = $3 and d.data is not null where a.name = $1`

// Get implements [es.ViewReader].
func (v *Views) Get(ctx context.Context, view, tenant, key string) (es.Document, error) {
	document := es.Document{Key: key}
	err := v.read(ctx, view, func(spec es.ViewSpec) (statement, error) {
		return statement{
			sql:  fmt.Sprintf(selectDocument, tableName(spec.Build())),
			args: []any{view, tenant, key},
			one: func(row pgx.Row, active ...any) error {
				document = es.Document{Key: key} // of this attempt
				var partition *int
				var sequence *uint64
				err := row.Scan(append(slices.Clip(active), &partition, &sequence, (*[]byte)(&document.Data))...)
				if err == nil && partition != nil && sequence != nil {
					document.Position = es.Position{Partition: *partition, Sequence: *sequence}
				}
				return err
			},
		}, nil
	})
	if err != nil {
		return es.Document{}, err
	}
	if document.Data == nil {
		return es.Document{}, fmt.Errorf("view %s, document %q: %w", view, key, es.ErrNotFound)
	}
	return document, nil
}
