package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

func openSnapshots(t testing.TB) *Snapshots {
	t.Helper()
	open := func(url string) (*DB, error) { return Connect(url, Options{Conns: 8}) }
	url := localtest.Template(t, "orchestrix", func(url string) error {
		db, err := open(url)
		if err != nil {
			return err
		}
		defer db.Close()
		return db.Migrate(context.Background())
	})
	db, err := open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return NewSnapshots(db, nil)
}

func counter(n int) core.Stream {
	return core.Stream{Tenant: "default", Category: "counter", ID: fmt.Sprint(n)}
}

// save stores snapshots of the counters 1 to n, each with its number as its version.
func save(t testing.TB, s *Snapshots, counters int) {
	t.Helper()
	var all []port.Snapshot
	for n := 1; n <= counters; n++ {
		all = append(all, port.Snapshot{Stream: counter(n), Version: core.Version(n), Schema: "s", State: fmt.Append(nil, n), Time: time.Now()})
	}
	if err := s.Save(t.Context(), all); err != nil {
		t.Fatal(err)
	}
}

func checkLoad(ctx context.Context, s *Snapshots, n int) error {
	got, err := s.Load(ctx, counter(n), "s")
	if err == nil && (got.Version != core.Version(n) || string(got.State) != fmt.Sprint(n) || got.Stream != counter(n)) {
		err = fmt.Errorf("counter %d came as %+v", n, got)
	}
	return err
}

func TestConcurrentLoadsGetTheirOwnSnapshots(t *testing.T) {
	t.Parallel()
	s := openSnapshots(t)
	const counters = 300
	save(t, s, counters)
	var loading sync.WaitGroup
	for reader := range 100 {
		loading.Go(func() {
			for i := range 20 {
				n := 1 + (reader*31+i*7)%counters
				if err := checkLoad(t.Context(), s, n); err != nil {
					t.Error(err)
				}
				if _, err := s.Load(t.Context(), counter(n+counters), "s"); !errors.Is(err, core.ErrNotFound) {
					t.Errorf("a missing snapshot: %v", err)
				}
				if _, err := s.Load(t.Context(), counter(n), "other"); !errors.Is(err, core.ErrNotFound) {
					t.Errorf("another schema: %v", err)
				}
			}
		})
	}
	loading.Wait()
	if s.reads.calls.inFlight != 0 || len(s.reads.calls.queue) != 0 {
		t.Errorf("%d batches in flight and %d queued loads at the end", s.reads.calls.inFlight, len(s.reads.calls.queue))
	}
}

// holdTable locks a table: every read of it waits until release is called.
func holdTable(t testing.TB, db *DB, table string) (release func()) {
	t.Helper()
	tx, err := db.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "lock table "+table+" in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// caller is a read in the background, which can be cancelled.
type caller struct {
	cancel context.CancelFunc
	err    chan error
}

func load(t testing.TB, s *Snapshots, n int) caller {
	ctx, cancel := context.WithCancel(t.Context())
	c := caller{cancel: cancel, err: make(chan error, 1)}
	go func() { c.err <- checkLoad(ctx, s, n) }()
	return c
}

func awaitReads[T any](t testing.TB, b *readBatcher[T], inFlight, queued int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		b.calls.mu.Lock()
		gotInFlight, gotQueued := b.calls.inFlight, len(b.calls.queue)
		b.calls.mu.Unlock()
		if gotInFlight == inFlight && gotQueued == queued {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d batches in flight and %d queued reads, want %d and %d", gotInFlight, gotQueued, inFlight, queued)
		}
	}
}

func wantCancelled(t testing.TB, c caller) {
	t.Helper()
	c.cancel()
	if err := <-c.err; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled read: %v", err)
	}
}

func wantLoaded(t testing.TB, callers ...caller) {
	t.Helper()
	for _, c := range callers {
		if err := <-c.err; err != nil {
			t.Error(err)
		}
		c.cancel()
	}
}

// A load that is cancelled, queued or in flight, does not fail the loads that share its batch.
func TestACancelledLoadFailsAlone(t *testing.T) {
	t.Parallel()
	s := openSnapshots(t)
	save(t, s, 9)
	release := holdTable(t, s.db, "orchestrix.snapshots")
	first, second := load(t, s, 1), load(t, s, 2)
	awaitReads(t, s.reads, readBatches, 0)
	leader := load(t, s, 3)
	awaitReads(t, s.reads, readBatches, 1)
	queued := load(t, s, 4)
	awaitReads(t, s.reads, readBatches, 2)
	members := []caller{load(t, s, 5), load(t, s, 6)}
	awaitReads(t, s.reads, readBatches, 4)

	wantCancelled(t, queued)
	awaitReads(t, s.reads, readBatches, 3)
	wantCancelled(t, first) // in flight: the leader then reads for all that are queued
	awaitReads(t, s.reads, readBatches, 0)
	wantCancelled(t, leader) // in flight: the others of its batch then read with statements of their own
	awaitReads(t, s.reads, readBatches-1, 0)
	release()
	wantLoaded(t, append(members, second)...)
	awaitReads(t, s.reads, 0, 0)
	wantLoaded(t, load(t, s, 7))
}
