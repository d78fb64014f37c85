package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"

	"orchestrix/shared/es"
	"orchestrix/shared/memory"
	"orchestrix/shared/runtime"
)

// run executes commands and then stops the executor, which writes what is left to save.
func runAndStop(t *testing.T, x *runtime.Executor, work func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := x.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	work()
	stop()
	running.Wait()
}

// counted counts the commits that are read besides the newest.
type counted struct {
	*memory.Log
	mu    sync.Mutex
	after []es.Version
}

func (c *counted) Since(ctx context.Context, after es.Version, last es.Commit) iter.Seq2[es.Commit, error] {
	c.mu.Lock()
	c.after = append(c.after, after)
	c.mu.Unlock()
	return c.Log.Since(ctx, after, last)
}

func TestASnapshotSparesTheReplay(t *testing.T) {
	t.Parallel()
	log, snapshots := &counted{Log: memory.NewLog(4)}, memory.NewSnapshots()
	x := newExecutor(t, log, snapshots, runtime.ExecutorConfig{})
	runAndStop(t, x, func() {
		for n := range 40 {
			mustExecute(t, x, addCommand("a", fmt.Sprint(n), 1))
		}
	})
	log.after = nil
	x = newExecutor(t, log, snapshots, runtime.ExecutorConfig{})
	if got := mustExecute(t, x, addCommand("a", "0", 1)); !got.Repeated || got.Version != 1 {
		t.Errorf("the first command, repeated after a restart, got %+v", got)
	}
	if got := mustExecute(t, x, addCommand("a", "next", 1)); got.Version != 41 {
		t.Errorf("got %+v", got)
	}
	if len(log.after) != 0 {
		t.Errorf("the log was read after versions %v though the snapshot was current", log.after)
	}
}

func TestAnEvictedAggregateIsSavedAndComesBack(t *testing.T) {
	t.Parallel()
	log, snapshots := memory.NewLog(4), memory.NewSnapshots()
	x := newExecutor(t, log, snapshots, runtime.ExecutorConfig{CacheSize: 2})
	runAndStop(t, x, func() {
		for n := range 3 {
			for id := range 10 {
				mustExecute(t, x, addCommand(fmt.Sprint(id), fmt.Sprint(n), 1))
			}
		}
	})
	for id := range 10 {
		if got := total(t, log, fmt.Sprint(id)); got != 3 {
			t.Errorf("counter %d is %d, not 3", id, got)
		}
	}
	a, _ := counterRegistry(t).Aggregate("counter")
	if _, err := snapshots.Load(t.Context(), counterStream("0"), a.StateHash+".4"); err != nil {
		t.Errorf("the aggregate that left the cache first has no snapshot: %v", err)
	}
}

// A snapshot can be of another log: one that was replaced while Postgres stayed.
func TestASnapshotOfAnotherLogIsIgnored(t *testing.T) {
	t.Parallel()
	snapshots := memory.NewSnapshots()
	old := newExecutor(t, memory.NewLog(1), snapshots, runtime.ExecutorConfig{})
	runAndStop(t, old, func() {
		mustExecute(t, old, addCommand("other", "x", 1))
		for n := range 3 {
			mustExecute(t, old, addCommand("a", fmt.Sprintf("old-%d", n), 100))
		}
	})
	for _, commits := range []int{2, 3, 4} { // the snapshot is ahead, level, behind
		log := memory.NewLog(1)
		plain := newExecutor(t, log, nil, runtime.ExecutorConfig{})
		for n := range commits {
			mustExecute(t, plain, addCommand("a", fmt.Sprintf("new-%d", n), 1))
		}
		x := newExecutor(t, log, snapshots, runtime.ExecutorConfig{})
		down := addCommand("a", "down", -commits-1)
		if _, err := x.Execute(t.Context(), down); !isType[*es.Rejection](err) {
			t.Errorf("with %d commits, a command that the log's own state rejects got %v", commits, err)
		}
	}
}

// broken snapshots stand for a Postgres that is down.
type broken struct{}

func (broken) Load(context.Context, es.Stream, string) (es.Snapshot, error) {
	return es.Snapshot{}, errors.New("connection refused")
}
func (broken) Save(context.Context, []es.Snapshot) error { return errors.New("connection refused") }

func TestCommandsGoOnWithoutSnapshots(t *testing.T) {
	t.Parallel()
	log := memory.NewLog(4)
	for restart := range 3 {
		x := newExecutor(t, log, broken{}, runtime.ExecutorConfig{SnapshotEvery: 2})
		runAndStop(t, x, func() {
			for n := range 5 {
				mustExecute(t, x, addCommand("a", fmt.Sprintf("%d-%d", restart, n), 1))
			}
		})
	}
	if got := total(t, log, "a"); got != 15 {
		t.Errorf("total is %d, not 15", got)
	}
}

// late snapshots can't be read at first.
type late struct {
	*memory.Snapshots
	mu       sync.Mutex
	failures int // still to come
	asked    []string
}

func (l *late) Load(ctx context.Context, s es.Stream, schema string) (es.Snapshot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, s.ID)
	if l.failures > 0 {
		l.failures--
		return es.Snapshot{}, context.DeadlineExceeded
	}
	return l.Snapshots.Load(ctx, s, schema)
}

// After a failed read, short streams are not kept waiting for snapshots for a while, and long ones are not replayed.
func TestAfterAFailedReadOnlyLongStreamsAskForSnapshots(t *testing.T) {
	t.Parallel()
	log, snapshots := &counted{Log: memory.NewLog(4)}, &late{Snapshots: memory.NewSnapshots()}
	x := newExecutor(t, log, snapshots, runtime.ExecutorConfig{})
	runAndStop(t, x, func() {
		for id, commits := range map[string]int{"first": 2, "short": 3, "long": 300} {
			for n := range commits {
				mustExecute(t, x, addCommand(id, fmt.Sprint(n), 1))
			}
		}
	})
	log.after, snapshots.asked, snapshots.failures = nil, nil, 1
	x = newExecutor(t, log, snapshots, runtime.ExecutorConfig{})
	for _, id := range []string{"first", "short", "long"} {
		mustExecute(t, x, addCommand(id, "0", 1)) // what an aggregate has done already, so that it is not taken for new
	}
	if want := []string{"first", "long"}; !slices.Equal(snapshots.asked, want) {
		t.Errorf("snapshots of %v were asked for, not of %v", snapshots.asked, want)
	}
	if len(log.after) != 2 {
		t.Errorf("%d streams were replayed, not 2", len(log.after))
	}
}
