package runtime_test

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

	"orchestrix/shared/core"
	"orchestrix/shared/es"
	"orchestrix/shared/jetstream"
	"orchestrix/shared/local/localtest"
	"orchestrix/shared/memory"
	"orchestrix/shared/port"
	"orchestrix/shared/postgres"
	"orchestrix/shared/runtime/command"
	"orchestrix/shared/runtime/projection"
)

func TestMain(m *testing.M) { localtest.Main(m) }

const (
	patience = 30 * time.Second
	shortTTL = 400 * time.Millisecond
)

// stack is a log and a view store.
type stack struct {
	log   port.Log
	views port.ViewStore
}

// onStacks runs a test in memory, on JetStream with Postgres, and on Postgres alone.
func onStacks(t *testing.T, test func(t *testing.T, s stack)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, stack{memory.NewLog(4), memory.NewViews()})
	})
	t.Run("jetstream and postgres", func(t *testing.T) {
		t.Parallel()
		test(t, stack{streamLog(t), postgres.NewViews(database(t))})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		db := database(t)
		log, err := postgres.OpenLog(t.Context(), db, postgres.LogConfig{Partitions: 4})
		if err != nil {
			t.Fatal(err)
		}
		test(t, stack{log, postgres.NewViews(db)})
	})
}

func streamLog(t *testing.T) port.Log {
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

func database(t *testing.T) *postgres.DB {
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

// tally is the document of the views of these tests.
type tally struct {
	Total int `json:"total"`
	Adds  int `json:"adds"`
}

var errCount = errors.New("can't count this")

// counting has two views of the counters: one by id, and one that all partitions write. While bad is true, the fold of a 13
// fails.
func counting(t testing.TB, version int, bad *atomic.Bool) *core.Registry {
	t.Helper()
	fold := func(d *tally, e added, _ core.Meta) error {
		d.Total += e.N // also before an error, which must undo it
		d.Adds++
		if e.N == 13 && bad != nil && bad.Load() {
			return fmt.Errorf("number %d: %w", e.N, errCount)
		}
		return nil
	}
	module := counterModule(core.SnapshotPolicy{})
	module.Views = []es.ViewDef{
		es.View[tally]{Name: "by-id", Version: version, On: es.Folds[tally]{es.OnWith(fold)}},
		es.View[tally]{Name: "parity", Version: version, On: es.Folds[tally]{es.OnKeyWith(func(e added) string {
			return []string{"even", "odd"}[e.N&1]
		}, fold)}},
	}
	registry, err := es.NewRegistry(module)
	if err != nil {
		t.Fatal(err)
	}
	return registry
}

// startProjector runs a projector until stop is called or the test ends.
func startProjector(t testing.TB, registry *core.Registry, log port.Feed, views projection.Store, owner string) (p *projection.Projector, stop func()) {
	t.Helper()
	p = projection.New(registry, log, views, projection.Config{Owner: owner, Batch: 50, LeaseTTL: shortTTL, Logger: slog.New(slog.DiscardHandler)})
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

func eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
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

// feedCounters adds numbers to counters by concurrent writers, and returns the documents that result.
func feedCounters(t testing.TB, log port.EventStore, prefix string, counters, each int) map[string]tally {
	t.Helper()
	x := newExecutor(t, log, nil, command.Config{})
	want := map[string]tally{}
	var mu sync.Mutex
	var writing sync.WaitGroup
	for c := range counters {
		writing.Go(func() {
			for n := range each {
				id := fmt.Sprint(prefix, c)
				if _, err := x.Execute(context.WithoutCancel(t.Context()), addCommand(id, fmt.Sprint(id, "-", n), n+1)); err != nil {
					t.Errorf("Execute: %v", err)
					return
				}
				mu.Lock()
				for _, key := range []string{id, []string{"even", "odd"}[(n+1)&1]} {
					d := want[key]
					want[key] = tally{d.Total + n + 1, d.Adds + 1}
				}
				mu.Unlock()
			}
		})
	}
	writing.Wait()
	return want
}

func viewOf(key string) string {
	if key == "even" || key == "odd" {
		return "parity"
	}
	return "by-id"
}

func awaitTallies(t testing.TB, views port.ViewReader, want map[string]tally) {
	t.Helper()
	for key, w := range want {
		eventually(t, "document "+key, func() error {
			d, err := views.Get(t.Context(), viewOf(key), core.DefaultTenant, key)
			if err != nil {
				return err
			}
			var got tally
			if err := json.Unmarshal(d.Data, &got); err != nil || got != w {
				return fmt.Errorf("it is %s, not %+v (%w)", d.Data, w, err)
			}
			return nil
		})
	}
}

func merge(all ...map[string]tally) map[string]tally {
	sum := map[string]tally{}
	for _, one := range all {
		for key, t := range one {
			sum[key] = tally{sum[key].Total + t.Total, sum[key].Adds + t.Adds}
		}
	}
	return sum
}
