package query_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
)

// endingAt is a log of which each partition has this end.
type endingAt struct {
	query.LogReader
	end uint64
}

func (l endingAt) Head(_ context.Context, partition int) (port.Head, error) {
	return port.Head{Position: core.Position{Partition: partition, Sequence: l.end}}, nil
}

// growing is a log of one partition. Reading its end takes a moment.
type growing struct {
	query.LogReader
	end       atomic.Uint64
	reads     atomic.Int32
	err       error
	uncertain bool
}

func (l *growing) Head(ctx context.Context, _ int) (port.Head, error) {
	l.reads.Add(1)
	end := l.end.Load()
	select {
	case <-time.After(20 * time.Millisecond):
	case <-ctx.Done():
		return port.Head{}, ctx.Err()
	}
	return port.Head{Position: core.Position{Sequence: end}, Uncertain: l.uncertain}, l.err
}

// stuck are views that do not move.
type stuck struct{ port.ViewReader }

func (stuck) Checkpoints(context.Context, string) ([]port.Checkpoint, error) {
	return []port.Checkpoint{{Position: core.Position{Sequence: 1}}}, nil
}

func runQueries(t *testing.T, log query.LogReader, views port.ViewReader) *query.Queries {
	t.Helper()
	q := query.New(twice(t), log, views, nil, slog.Default())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	return q
}

func waitFor(ctx context.Context, q *query.Queries, sequence uint64, patience time.Duration) error {
	_, _, err := q.Document(ctx, "one", core.DefaultTenant, "a", query.Wait{For: []core.Position{{Sequence: sequence}}, Timeout: patience})
	return err
}

// A client that invents positions does not wait for them, and all who ask share the reads of the end.
func TestAPositionBeyondTheEndIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &growing{LogReader: memory.NewLog(1)}
		log.end.Store(7)
		q, began := runQueries(t, log, stuck{}), time.Now()
		refused := make(chan error, 1000)
		for range cap(refused) {
			go func() { refused <- waitFor(t.Context(), q, 8, 30*time.Second) }()
		}
		for range cap(refused) {
			var beyond *runtime.BeyondEndError
			if err := <-refused; !errors.As(err, &beyond) || beyond.End.Sequence != 7 {
				t.Fatalf("got %v", err)
			}
		}
		if took := time.Since(began); took > time.Second || log.reads.Load() > 2 {
			t.Errorf("it took %v and %d reads of the end", took, log.reads.Load())
		}
		var behind *runtime.NotReachedError
		if err := waitFor(t.Context(), q, 7, time.Second); !errors.As(err, &behind) {
			t.Errorf("the last position of the log: %v", err)
		}
	})
}

// A position that was committed before the request is never refused: not by an end that was read before the commit, not by a
// leader that may have been replaced, and not while the log does not answer.
func TestACommittedPositionIsNeverRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &growing{LogReader: memory.NewLog(1)}
		log.end.Store(7)
		q := runQueries(t, log, stuck{})
		var waiting []chan error
		for sequence := uint64(8); sequence < 30; sequence++ { // each while the end is being read
			log.end.Store(sequence)
			done := make(chan error, 1)
			waiting = append(waiting, done)
			go func() { done <- waitFor(t.Context(), q, sequence, time.Second) }()
			time.Sleep(15 * time.Millisecond)
		}
		for _, done := range waiting {
			var behind *runtime.NotReachedError
			if err := <-done; !errors.As(err, &behind) {
				t.Errorf("got %v", err)
			}
		}
		for name, log := range map[string]*growing{
			"a leader that may be isolated": {LogReader: memory.NewLog(1), uncertain: true},
			"no log":                        {LogReader: memory.NewLog(1), err: port.ErrUnavailable},
		} {
			var behind *runtime.NotReachedError
			if err := waitFor(t.Context(), runQueries(t, log, stuck{}), 8, time.Second); !errors.As(err, &behind) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
