package runtimetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/projection"
)

// The durations of tests.
const (
	Patience = 30 * time.Second       // of tests that wait for a condition
	ShortTTL = 400 * time.Millisecond // of leases
)

// Stack is a log and a view store.
type Stack struct {
	Log   port.Log
	Views port.ViewStore
}

// OnStacks runs a test in memory, on JetStream with Postgres, and on Postgres alone.
func OnStacks(t *testing.T, test func(t *testing.T, s Stack)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, Stack{memory.NewLog(4), memory.NewViews()})
	})
	t.Run("jetstream and postgres", func(t *testing.T) {
		t.Parallel()
		test(t, Stack{StreamLog(t), postgres.NewViews(Database(t))})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		db := Database(t)
		log, err := postgres.OpenLog(t.Context(), db, postgres.LogConfig{Partitions: 4})
		if err != nil {
			t.Fatal(err)
		}
		test(t, Stack{log, postgres.NewViews(db)})
	})
}

// StreamLog returns a log of four partitions on a JetStream server of its own.
func StreamLog(t *testing.T) port.Log {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	connection, err := jetstream.Connect(t.Context(), localtest.NATS(t).URL(), "test", quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	log, err := jetstream.Open(t.Context(), connection, jetstream.Config{Partitions: 4, Replicas: 1, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// Database returns a migrated database of its own.
func Database(t *testing.T) *postgres.DB {
	t.Helper()
	dsn := localtest.Template(t, "orchestrix", func(dsn string) error {
		db, err := postgres.Connect(dsn, postgres.Options{})
		if err != nil {
			return err
		}
		defer db.Close()
		return db.Migrate(context.Background())
	})
	db, err := postgres.Connect(dsn, postgres.Options{Conns: 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// Tally is the document of the views of these tests.
type Tally struct {
	Total int `json:"total"`
	Adds  int `json:"adds"`
}

// ErrCount is the error of the folds of [TallyRegistry].
var ErrCount = errors.New("can't count this")

// TallyRegistry has two views of the counters: one by id, and one that all partitions write. While bad is true, the fold of a 13
// fails.
func TallyRegistry(t testing.TB, version int, bad *atomic.Bool) *core.Registry {
	t.Helper()
	fold := func(d *Tally, e Added, _ core.Meta) error {
		d.Total += e.N // also before an error, which must undo it
		d.Adds++
		if e.N == 13 && bad != nil && bad.Load() {
			return fmt.Errorf("number %d: %w", e.N, ErrCount)
		}
		return nil
	}
	module := CounterModule(core.SnapshotPolicy{})
	module.Views = []es.ViewDef{
		es.View[Tally]{Name: "by-id", Version: version, On: es.Folds[Tally]{es.OnWith(fold)}},
		es.View[Tally]{Name: "parity", Version: version, On: es.Folds[Tally]{es.OnKeyWith(func(e Added) string {
			return []string{"even", "odd"}[e.N&1]
		}, fold)}},
	}
	return NewRegistry(t, module)
}

// StartProjector runs a projector until stop is called or the test ends.
func StartProjector(t testing.TB, registry *core.Registry, log port.Feed, views projection.Store, owner string) (p *projection.Projector, stop func()) {
	t.Helper()
	p = projection.New(registry, log, views, projection.Config{Owner: owner, Batch: 50, LeaseTTL: ShortTTL, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := p.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	return p, stop
}

// Eventually repeats check until it returns nil, and fails the test after [Patience].
func Eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// FeedCounters adds numbers to counters by concurrent writers, and returns the documents that result.
func FeedCounters(t testing.TB, log port.EventStore, prefix string, counters, each int) map[string]Tally {
	t.Helper()
	x := NewExecutor(t, log, nil, command.Config{})
	want := map[string]Tally{}
	var mu sync.Mutex
	var writing sync.WaitGroup
	for c := range counters {
		writing.Go(func() {
			for n := range each {
				id := fmt.Sprint(prefix, c)
				if _, err := x.Execute(context.WithoutCancel(t.Context()), AddCommand(id, fmt.Sprint(id, "-", n), n+1)); err != nil {
					t.Errorf("Execute: %v", err)
					return
				}
				mu.Lock()
				for _, key := range []string{id, []string{"even", "odd"}[(n+1)&1]} {
					d := want[key]
					want[key] = Tally{d.Total + n + 1, d.Adds + 1}
				}
				mu.Unlock()
			}
		})
	}
	writing.Wait()
	return want
}

// ViewOf returns the view of [TallyRegistry] with the documents of this key.
func ViewOf(key string) string {
	if key == "even" || key == "odd" {
		return "parity"
	}
	return "by-id"
}

// AwaitTallies waits until the views of [TallyRegistry] have these documents, by key.
func AwaitTallies(t testing.TB, views port.ViewReader, want map[string]Tally) {
	t.Helper()
	for key, w := range want {
		Eventually(t, "document "+key, func() error {
			d, err := views.Get(t.Context(), ViewOf(key), core.DefaultTenant, key)
			if err != nil {
				return err
			}
			var got Tally
			if err := json.Unmarshal(d.Data, &got); err != nil || got != w {
				return fmt.Errorf("it is %s, not %+v (%w)", d.Data, w, err)
			}
			return nil
		})
	}
}

// MergeTallies adds tallies by key.
func MergeTallies(all ...map[string]Tally) map[string]Tally {
	sum := map[string]Tally{}
	for _, one := range all {
		for key, t := range one {
			sum[key] = Tally{sum[key].Total + t.Total, sum[key].Adds + t.Adds}
		}
	}
	return sum
}

// CounterView returns the spec of a view of [TallyRegistry].
func CounterView(t testing.TB, name string) core.ViewSpec {
	t.Helper()
	view, ok := TallyRegistry(t, 1, nil).View(name)
	if !ok {
		t.Fatal("no view", name)
	}
	return view.ViewSpec
}

// FoldRegistry has the counters and one view of them by id.
func FoldRegistry(t testing.TB, fold es.Fold[Tally]) *core.Registry {
	t.Helper()
	module := CounterModule(core.SnapshotPolicy{})
	module.Views = []es.ViewDef{es.View[Tally]{Name: "by-id", Version: 1, On: es.Folds[Tally]{fold}}}
	return NewRegistry(t, module)
}
