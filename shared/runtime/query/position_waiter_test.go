package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
)

// slowly is a view whose partitions reach sequence 1 one after the other, a second apart. Reading its checkpoints takes a
// moment.
type slowly struct {
	port.ViewReader
	began time.Time
}

func (v slowly) Checkpoints(context.Context, string) ([]port.Checkpoint, error) {
	time.Sleep(time.Millisecond)
	checkpoints := make([]port.Checkpoint, 4)
	for i := range checkpoints {
		checkpoints[i].Position.Partition = i
		if time.Since(v.began) > time.Duration(i)*time.Second {
			checkpoints[i].Position.Sequence = 1
		}
	}
	return checkpoints, nil
}

func (v slowly) Get(_ context.Context, _, _, key string) (core.Document, error) {
	return core.Document{Key: key, Data: json.RawMessage(`{}`)}, nil
}

// twice is a module with a query that reads two views.
func twice(t testing.TB) *core.Registry {
	t.Helper()
	module := runtimetest.CounterModule(core.SnapshotPolicy{})
	fold := es.On(func(*runtimetest.Tally, runtimetest.Added) {})
	module.Views = []es.ViewDef{
		es.View[runtimetest.Tally]{Name: "one", Version: 1, On: es.Folds[runtimetest.Tally]{fold}}, es.View[runtimetest.Tally]{Name: "two", Version: 1, On: es.Folds[runtimetest.Tally]{fold}},
	}
	module.Queries = []es.QueryDef{es.Query[struct{}, runtimetest.Tally]{Name: "both", Run: func(ctx context.Context, views core.Views, _ struct{}) (runtimetest.Tally, error) {
		_, _ = es.Get[runtimetest.Tally](ctx, views, "one", "a")
		return es.Get[runtimetest.Tally](ctx, views, "two", "a")
	}}}
	registry, err := compile.Modules(module)
	if err != nil {
		t.Fatal(err)
	}
	return registry
}

func waitingQueries(t testing.TB) *query.Queries {
	t.Helper()
	q := query.New(twice(t), endingAt{memory.NewLog(4), 1}, slowly{began: time.Now()}, nil, nil)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	return q
}

func firstOf(partitions ...int) (positions []core.Position) {
	for _, p := range partitions {
		positions = append(positions, core.Position{Partition: p, Sequence: 1})
	}
	return positions
}

// A request without a timeout is answered from the current checkpoints.
func TestNoWaitIsOneLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := waitingQueries(t)
		time.Sleep(1500 * time.Millisecond)
		if _, _, err := q.Document(t.Context(), "one", core.DefaultTenant, "a", query.Wait{For: firstOf(0, 1)}); err != nil {
			t.Errorf("positions that the view has: %v", err)
		}
		_, _, err := q.Document(t.Context(), "one", core.DefaultTenant, "a", query.Wait{For: firstOf(0, 3)})
		var behind *runtime.NotReachedError
		if !errors.As(err, &behind) || behind.Wanted.Partition != 3 {
			t.Errorf("a position that it does not have: %v", err)
		}
	})
}

// The timeout is for all positions together, and for all views that a query reads.
func TestOneWaitForAllPositions(t *testing.T) {
	t.Parallel()
	const patience = 1500 * time.Millisecond
	for name, read := range map[string]func(context.Context, *query.Queries) error{
		"a document": func(ctx context.Context, q *query.Queries) error {
			_, _, err := q.Document(ctx, "one", core.DefaultTenant, "a", query.Wait{For: firstOf(1, 2), Timeout: patience})
			return err
		},
		"a query": func(ctx context.Context, q *query.Queries) error {
			_, err := q.Query(ctx, "both", core.DefaultTenant, json.RawMessage(`{}`), query.Wait{For: firstOf(3), Timeout: patience})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q, began := waitingQueries(t), time.Now()
				var behind *runtime.NotReachedError
				if err := read(t.Context(), q); !errors.As(err, &behind) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(began); took > patience+100*time.Millisecond {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}
