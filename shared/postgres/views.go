package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Views keeps views in Postgres.
type Views struct {
	db *DB

	mu      sync.Mutex
	active  map[string]*activeBuild // cache, by view
	changes uint64                  // how often an entry of the cache was invalidated
}

// activeBuild is the build of a view that readers see, as last read from the database.
type activeBuild struct {
	core.ViewSpec
	prepared time.Time // changes with the declared fields
	seen     time.Time // when the database last confirmed it; guarded by Views.mu
	selects  documentSelects
	reads    *readBatcher[documentRead]
}

// seenAge is how long a build is read without asking the database again whether it is the active one. A reader that waits
// for a position reads the checkpoints first, and thereby the active build.
const seenAge = time.Second

var _ port.ViewStore = (*Views)(nil)

// NewViews returns the views of a migrated database.
func NewViews(db *DB) *Views { return &Views{db: db, active: map[string]*activeBuild{}} }

const (
	selectActive = `
select b.version, b.rebuild, b.prepared_at from orchestrix.views a
join orchestrix.view_builds b on b.view = a.name and b.version = a.active_version and b.rebuild = a.active_rebuild where a.name = $1`

	selectSpec = `
select b.version, b.rebuild, b.prepared_at, b.fields, b.shared from orchestrix.views a
join orchestrix.view_builds b on b.view = a.name and b.version = a.active_version and b.rebuild = a.active_rebuild where a.name = $1`
)

// maxLookups bounds how often a read starts again because the active build has changed in between.
const maxLookups = 3

// statement is one read of a view's table.
type statement struct {
	sql  string
	args []any
	scan func(pgx.Rows) error
}

// readActive calls do with the active build, and again with the new one where do reports that the build was stale.
func (v *Views) readActive(ctx context.Context, view string, do func(context.Context, *activeBuild) (stale bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		known, isNew, err := v.lookUp(ctx, view)
		if err != nil {
			return err
		}
		stale, err := do(ctx, known)
		if stale || (err != nil && !isNew && (errors.Is(err, core.ErrBadQuery) || hasCode(err, undefinedTable))) {
			v.invalidate(view)
			if attempt < maxLookups {
				continue
			}
		}
		if stale {
			return fmt.Errorf("%w: the active build of view %s changed %d times during the read", port.ErrUnavailable, view, attempt)
		}
		return err
	}
}

// queryBuild runs a statement on a build. Where the build was last confirmed longer ago than seenAge, the same round trip
// reads the active build too. It reports whether known was stale: the rows are then of an old build.
func (v *Views) queryBuild(ctx context.Context, known *activeBuild, s statement) (stale bool, err error) {
	if v.isFresh(known) {
		rows, err := v.db.pool.Query(ctx, s.sql, s.args...)
		if err == nil {
			err = s.scan(rows)
		}
		return false, err
	}
	started := time.Now()
	now := core.Build{View: known.Name}
	var prepared time.Time
	batch := &pgx.Batch{}
	batch.Queue(selectActive, known.Name).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&now.Version, &now.Rebuild, &prepared)
		stale = errors.Is(err, pgx.ErrNoRows) || now != known.Build() || !prepared.Equal(known.prepared)
		return err
	})
	batch.Queue(s.sql, s.args...).Query(s.scan)
	err = v.db.pool.SendBatch(ctx, batch).Close()
	if err == nil && !stale {
		v.mu.Lock()
		defer v.mu.Unlock()
		known.seen = started
	}
	return stale, err
}

func (v *Views) isFresh(known *activeBuild) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return time.Since(known.seen) < seenAge
}

// lookUp returns the active build from the cache, or from the database: then isNew is true.
func (v *Views) lookUp(ctx context.Context, view string) (known *activeBuild, isNew bool, err error) {
	v.mu.Lock()
	known, ok := v.active[view]
	changes := v.changes
	v.mu.Unlock()
	if ok {
		return known, false, nil
	}
	known = &activeBuild{ViewSpec: core.ViewSpec{Name: view}, seen: time.Now()}
	var fields []byte
	err = v.db.pool.QueryRow(ctx, selectSpec, view).Scan(&known.Version, &known.Rebuild, &known.prepared, &fields, &known.Shared)
	if errors.Is(err, pgx.ErrNoRows) {
		return known, true, &port.NotBuiltError{View: view}
	}
	if err != nil {
		return known, true, translate("look up view "+view, err)
	}
	if err := json.Unmarshal(fields, &known.Fields); err != nil {
		return known, true, fmt.Errorf("fields of view %s: %w", view, err)
	}
	known.selects, known.reads = selectsOf(known.Build()), newReadBatcher[documentRead]()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.changes == changes { // no other call has seen a newer build in between
		v.active[view] = known
	}
	return known, true, nil
}

// invalidate drops the active build of a view from the cache.
func (v *Views) invalidate(view string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.changes++
	delete(v.active, view)
}

// noteActive updates the cache with the build that was active at a time: later reads never use an older build.
func (v *Views) noteActive(active core.Build, at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	known, ok := v.active[active.View]
	switch {
	case !ok || known.Build() != active:
		v.changes++
		delete(v.active, active.View)
	case at.After(known.seen):
		known.seen = at
	}
}
