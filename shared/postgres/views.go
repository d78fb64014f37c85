package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"orchestrix/shared/core"
	"orchestrix/shared/port"
)

// Views keeps views in Postgres.
type Views struct {
	db *DB

	mu      sync.Mutex
	active  map[string]*activeBuild // as last seen, by view
	changes uint64                  // how often one was found to be another
}

// activeBuild is what readers see of a view.
type activeBuild struct {
	core.ViewSpec
	prepared time.Time // moves when the declared fields change
	seen     time.Time // when it was certainly active; guarded by Views.mu
	selects  documentSelects
	reads    *readBatcher[documentRead]
}

// seenAge is for how long a build is read after it was last seen to be the active one. Whoever waits for a position
// looks at the checkpoints first, and thereby at the active build.
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

// lookups bounds how often a read starts again because the active build has just changed.
const lookups = 3

// statement is one read of a view's table.
type statement struct {
	sql  string
	args []any
	scan func(pgx.Rows) error
}

// read lets do read from the active build, and again where that is another one by then.
func (v *Views) read(ctx context.Context, view string, do func(context.Context, *activeBuild) (stale bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		known, isNew, err := v.lookUp(ctx, view)
		if err != nil {
			return err
		}
		stale, err := do(ctx, known)
		if stale || (err != nil && !isNew && (errors.Is(err, core.ErrBadQuery) || hasCode(err, undefinedTable))) {
			v.forget(view)
			if attempt < lookups {
				continue
			}
		}
		if stale {
			return fmt.Errorf("%w: view %s is being switched to another build again and again", port.ErrUnavailable, view)
		}
		return err
	}
}

// readFrom runs a statement on a build. Where that was not seen to be active for a while, it is in one round trip with a
// look whether it still is. It reports whether known was stale: the answer then does not count.
func (v *Views) readFrom(ctx context.Context, known *activeBuild, s statement) (stale bool, err error) {
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

// lookUp returns what is known of the view, and whether that was just read.
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
		return known, true, notBuilt(view)
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
	if v.changes == changes { // somebody may have seen another one meanwhile
		v.active[view] = known
	}
	return known, true, nil
}

func notBuilt(view string) error {
	return fmt.Errorf("%w: view %q is not built yet: the projection service builds it", port.ErrUnavailable, view)
}

// forget drops what is known of a view.
func (v *Views) forget(view string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.changes++
	delete(v.active, view)
}

// saw notes which build is active: from now on, none is read that was active before.
func (v *Views) saw(active core.Build, at time.Time) {
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
