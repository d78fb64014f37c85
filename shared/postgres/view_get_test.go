package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// numbersView is a version of a view whose documents hold that version and their number.
func numbersView(version int) core.ViewSpec { return core.ViewSpec{Name: "numbers", Version: version} }

func numberData(version, n int) string { return fmt.Sprintf(`{"version":%d,"n":%d}`, version, n) }

// fill builds a version of the view with a number of documents, and activates it.
func fill(t testing.TB, v *Views, version, documents int) {
	t.Helper()
	spec := numbersView(version)
	if err := v.Prepare(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	claimed, err := v.Claim(t.Context(), spec, 0, "me", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	to := core.Position{Sequence: uint64(documents)}
	u := port.Update{Lease: claimed.Lease, To: to, Mark: port.LogMark{Created: time.Now(), Commit: make([]byte, 32)}, CaughtUp: time.Now()}
	err = v.Apply(t.Context(), spec, u, func(port.FoldInput) (result port.FoldResult, _ error) {
		for n := range documents {
			result.Writes = append(result.Writes, port.DocumentWrite{
				DocumentKey: port.DocumentKey{Tenant: core.DefaultTenant, Key: fmt.Sprint(n)}, Position: to,
				Data: json.RawMessage(numberData(version, n)),
			})
		}
		return result, nil
	})
	if err == nil && version > 1 {
		var active bool
		if active, err = v.Activate(t.Context(), spec, 1); err == nil && !active {
			err = errors.New("the build is not active")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// get reads a document in the background, and expects that of a version.
func get(t testing.TB, v *Views, version, n int) caller {
	ctx, cancel := context.WithCancel(t.Context())
	c := caller{cancel: cancel, err: make(chan error, 1)}
	go func() {
		d, err := v.Get(ctx, "numbers", core.DefaultTenant, fmt.Sprint(n))
		if err == nil && (string(d.Data) != numberData(version, n) || d.Key != fmt.Sprint(n)) {
			err = fmt.Errorf("document %d of version %d came as %s: %s", n, version, d.Key, d.Data)
		}
		c.err <- err
	}()
	return c
}

// activeOf returns the active build of the view, which has the batcher of its reads.
func activeOf(t testing.TB, v *Views) *activeBuild {
	t.Helper()
	known, _, err := v.lookUp(t.Context(), "numbers")
	if err != nil {
		t.Fatal(err)
	}
	return known
}

func TestConcurrentReadsGetTheirOwnDocuments(t *testing.T) {
	t.Parallel()
	v := NewViews(openSnapshots(t).db)
	const documents = 200
	fill(t, v, 1, documents)
	known := activeOf(t, v)
	release := holdTable(t, v.db, tableName(known.Build()))
	callers := []caller{get(t, v, 1, 0), get(t, v, 1, 1)}
	awaitReads(t, known.reads, readBatches, 0)
	for n := range documents {
		callers = append(callers, get(t, v, 1, n))
	}
	missing := get(t, v, 1, documents)
	rejected := make(chan error, 1)
	go func() {
		_, err := v.Get(t.Context(), "numbers", core.DefaultTenant, "a key that is no text:\x00")
		rejected <- err
	}()
	awaitReads(t, known.reads, readBatches, documents+2)
	release()
	wantLoaded(t, callers...)
	if err := <-missing.err; !errors.Is(err, core.ErrNotFound) {
		t.Errorf("a missing document: %v", err)
	}
	if err := <-rejected; err == nil || errors.Is(err, port.ErrUnavailable) {
		t.Errorf("a key that Postgres rejects: %v", err)
	}
	awaitReads(t, known.reads, 0, 0)
}

// awaitHeld returns when a number of statements wait for a lock.
func awaitHeld(t testing.TB, db *DB, statements int) {
	t.Helper()
	for held := 0; held < statements; {
		err := db.pool.QueryRow(t.Context(), `select count(*) from pg_locks l
join pg_database d on d.oid = l.database and d.datname = current_database() where not l.granted`).Scan(&held)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A read that is queued while another build becomes active is answered from the new build.
func TestQueuedReadsSeeASwitch(t *testing.T) {
	t.Parallel()
	db := openSnapshots(t).db
	v := NewViews(db)
	fill(t, v, 1, 5)
	known := activeOf(t, v)
	release := holdTable(t, db, tableName(known.Build()))
	early := []caller{get(t, v, 1, 0), get(t, v, 1, 1)}
	awaitHeld(t, db, len(early))
	late := []caller{get(t, v, 2, 2), get(t, v, 2, 3), get(t, v, 2, 4)}
	awaitReads(t, known.reads, readBatches, 3)
	fill(t, NewViews(db), 2, 5)
	for v.isFresh(known) {
		time.Sleep(time.Millisecond)
	}
	release()
	wantLoaded(t, early...)
	wantLoaded(t, late...)
}
