package command_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
)

// runAndStop executes commands and then stops the executor, which writes the remaining snapshots.
func runAndStop(t *testing.T, x *command.Executor, work func()) {
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

// counted records the versions after which commits are read.
type counted struct {
	*memory.Log
	mu    sync.Mutex
	after []core.Version
}

func (c *counted) Since(ctx context.Context, after core.Version, last core.Commit) iter.Seq2[core.Commit, error] {
	c.mu.Lock()
	c.after = append(c.after, after)
	c.mu.Unlock()
	return c.Log.Since(ctx, after, last)
}

func TestASnapshotSparesTheReplay(t *testing.T) {
	t.Parallel()
	log, snapshots := &counted{Log: memory.NewLog(4)}, memory.NewSnapshots()
	x := runtimetest.NewExecutor(t, log, snapshots, command.Config{})
	runAndStop(t, x, func() {
		for n := range 40 {
			runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", fmt.Sprint(n), 1))
		}
	})
	log.after = nil
	x = runtimetest.NewExecutor(t, log, snapshots, command.Config{})
	if got := runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", "0", 1)); !got.Repeated || got.Version != 1 {
		t.Errorf("the first command, repeated after a restart, got %+v", got)
	}
	if got := runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", "next", 1)); got.Version != 41 {
		t.Errorf("got %+v", got)
	}
	if len(log.after) != 0 {
		t.Errorf("the log was read after versions %v though the snapshot was current", log.after)
	}
}

func TestAnEvictedAggregateIsSavedAndComesBack(t *testing.T) {
	t.Parallel()
	log, snapshots := memory.NewLog(4), memory.NewSnapshots()
	x := runtimetest.NewExecutor(t, log, snapshots, command.Config{CacheSize: 2})
	runAndStop(t, x, func() {
		for n := range 3 {
			for id := range 10 {
				runtimetest.MustExecute(t, x, runtimetest.AddCommand(fmt.Sprint(id), fmt.Sprint(n), 1))
			}
		}
	})
	for id := range 10 {
		if got := total(t, log, fmt.Sprint(id)); got != 3 {
			t.Errorf("counter %d is %d, not 3", id, got)
		}
	}
	unread := &counted{Log: log}
	if got := runtimetest.MustExecute(t, runtimetest.NewExecutor(t, unread, snapshots, command.Config{}), runtimetest.AddCommand("0", "next", 1)); got.Version != 4 || len(unread.after) > 0 {
		t.Errorf("the aggregate that left the cache first has no snapshot: got %+v, and the log was read after versions %v", got, unread.after)
	}
}

// silent is a log that can only be appended to.
type silent struct{ *memory.Log }

func (silent) Last(context.Context, core.Stream) (core.Commit, error) {
	return core.Commit{}, fmt.Errorf("%w: the log was read", port.ErrUnavailable)
}

func (s silent) LastConfirmed(ctx context.Context, stream core.Stream) (core.Commit, error) {
	return s.Last(ctx, stream)
}

// saveCounters appends commits to counters and saves their snapshots.
func saveCounters(t *testing.T, log port.EventStore, snapshots port.Snapshots, commits int, ids ...string) {
	t.Helper()
	x := runtimetest.NewExecutor(t, log, snapshots, command.Config{})
	runAndStop(t, x, func() {
		for n := range commits {
			for _, id := range ids {
				runtimetest.MustExecute(t, x, runtimetest.AddCommand(id, fmt.Sprint("c", n), 1))
			}
		}
	})
}

// If a snapshot is current, a command reads nothing else; if it is stale, the append conflicts.
func TestACommandTrustsASnapshotUntilTheLogContradicts(t *testing.T) {
	t.Parallel()
	log, snapshots := memory.NewLog(4), memory.NewSnapshots()
	ids := make([]string, 100)
	for n := range ids {
		ids[n] = fmt.Sprint(n)
	}
	saveCounters(t, log, snapshots, 3, ids...)

	// A new counter rejects a subtraction: the optimistic attempt on a new counter fails.
	x := runtimetest.NewExecutor(t, silent{log}, snapshots, command.Config{})
	for _, id := range ids[:50] {
		if got := runtimetest.MustExecute(t, x, runtimetest.AddCommand(id, "next", -1)); got.Version != 4 {
			t.Errorf("got %+v", got)
		}
	}
	plain := runtimetest.NewExecutor(t, log, nil, command.Config{})
	for _, id := range ids {
		runtimetest.MustExecute(t, plain, runtimetest.AddCommand(id, "meanwhile", 10))
	}
	x = runtimetest.NewExecutor(t, log, snapshots, command.Config{})
	for _, id := range ids {
		runtimetest.MustExecute(t, x, runtimetest.AddCommand(id, "late", -1))
		if _, err := x.Execute(t.Context(), runtimetest.AddCommand(id, "too-much", -100)); !isType[*core.Rejection](err) {
			t.Errorf("got %v", err)
		}
	}
	for n, id := range ids {
		want := 12
		if n < 50 {
			want = 11
		}
		if got := total(t, log, id); got != want {
			t.Errorf("counter %s is %d, not %d", id, got, want)
		}
	}
}

// In a replaced log, a stream can end at the same sequence as in the old log with other events.
func TestASnapshotOfAnotherLogIsNotTrusted(t *testing.T) {
	t.Parallel()
	snapshots := memory.NewSnapshots()
	saveCounters(t, memory.NewLog(1), snapshots, 3, "a") // version 3 at sequence 3
	log := memory.NewLog(1)
	plain := runtimetest.NewExecutor(t, log, nil, command.Config{})
	runtimetest.MustExecute(t, plain, runtimetest.AddCommand("b", "first", 1))
	runtimetest.MustExecute(t, plain, runtimetest.AddCommand("a", "second", 1))
	runtimetest.MustExecute(t, plain, runtimetest.AddCommand("a", "third", 1)) // version 2 at sequence 3
	x := runtimetest.NewExecutor(t, log, snapshots, command.Config{})
	if got := runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", "next", -1)); got.Version != 3 {
		t.Errorf("got %+v", got)
	}
	if got := total(t, log, "a"); got != 1 {
		t.Errorf("the counter is %d, not 1", got)
	}
}

// A snapshot can be of another log, which was replaced while Postgres was kept.
func TestASnapshotOfAnotherLogIsIgnored(t *testing.T) {
	t.Parallel()
	snapshots := memory.NewSnapshots()
	old := runtimetest.NewExecutor(t, memory.NewLog(1), snapshots, command.Config{})
	runAndStop(t, old, func() {
		runtimetest.MustExecute(t, old, runtimetest.AddCommand("other", "x", 1))
		for n := range 3 {
			runtimetest.MustExecute(t, old, runtimetest.AddCommand("a", fmt.Sprintf("old-%d", n), 100))
		}
	})
	for _, commits := range []int{2, 3, 4} { // the snapshot is ahead, level, behind
		log := memory.NewLog(1)
		plain := runtimetest.NewExecutor(t, log, nil, command.Config{})
		for n := range commits {
			runtimetest.MustExecute(t, plain, runtimetest.AddCommand("a", fmt.Sprintf("new-%d", n), 1))
		}
		x := runtimetest.NewExecutor(t, log, snapshots, command.Config{})
		down := runtimetest.AddCommand("a", "down", -commits-1)
		if _, err := x.Execute(t.Context(), down); !isType[*core.Rejection](err) {
			t.Errorf("with %d commits, a command that the log's own state rejects got %v", commits, err)
		}
	}
}

// broken is a snapshot store whose Postgres is down.
type broken struct{}

func (broken) Load(context.Context, core.Stream, string) (port.Snapshot, error) {
	return port.Snapshot{}, errors.New("connection refused")
}
func (broken) Save(context.Context, []port.Snapshot) error { return errors.New("connection refused") }

func TestCommandsGoOnWithoutSnapshots(t *testing.T) {
	t.Parallel()
	log := memory.NewLog(4)
	for restart := range 3 {
		x := runtimetest.NewExecutor(t, log, broken{}, command.Config{SnapshotEvery: 2})
		runAndStop(t, x, func() {
			for n := range 5 {
				runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", fmt.Sprintf("%d-%d", restart, n), 1))
			}
		})
	}
	if got := total(t, log, "a"); got != 15 {
		t.Errorf("total is %d, not 15", got)
	}
}

// late is a snapshot store whose first reads fail.
type late struct {
	*memory.Snapshots
	mu       sync.Mutex
	failures int // that remain
	asked    []string
}

func (l *late) Load(ctx context.Context, s core.Stream, schema string) (port.Snapshot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, s.ID)
	if l.failures > 0 {
		l.failures--
		return port.Snapshot{}, context.DeadlineExceeded
	}
	return l.Snapshots.Load(ctx, s, schema)
}

// During the pause after a failed read, short streams are replayed without a snapshot, long ones with it.
func TestAfterAFailedReadOnlyLongStreamsAskForSnapshots(t *testing.T) {
	t.Parallel()
	log, snapshots := &counted{Log: memory.NewLog(4)}, &late{Snapshots: memory.NewSnapshots()}
	x := runtimetest.NewExecutor(t, log, snapshots, command.Config{})
	runAndStop(t, x, func() {
		for id, commits := range map[string]int{"first": 2, "short": 3, "long": 300} {
			for n := range commits {
				runtimetest.MustExecute(t, x, runtimetest.AddCommand(id, fmt.Sprint(n), 1))
			}
		}
	})
	log.after, snapshots.asked, snapshots.failures = nil, nil, 1
	x = runtimetest.NewExecutor(t, log, snapshots, command.Config{})
	for _, id := range []string{"first", "short", "long"} {
		runtimetest.MustExecute(t, x, runtimetest.AddCommand(id, "0", 1)) // a repeated command, so that the optimistic attempt fails
	}
	if want := []string{"first", "long"}; !slices.Equal(snapshots.asked, want) {
		t.Errorf("snapshots of %v were asked for, not of %v", snapshots.asked, want)
	}
	if len(log.after) != 2 {
		t.Errorf("%d streams were replayed, not 2", len(log.after))
	}
}

// brittle is a state that sometimes can't be encoded, and never decoded.
type brittle struct{ Total int }

func (b brittle) MarshalJSON() ([]byte, error) {
	if b.Total == 13 {
		panic("thirteen")
	}
	return fmt.Appendf(nil, `{"Total":%d}`, b.Total), nil
}

func (b *brittle) UnmarshalJSON([]byte) error { panic("never") }

// kept records the streams that have a snapshot.
type kept struct {
	*memory.Snapshots
	ids []string
}

func (k *kept) Save(ctx context.Context, snapshots []port.Snapshot) error {
	for _, s := range snapshots {
		k.ids = append(k.ids, s.Stream.ID)
	}
	return k.Snapshots.Save(ctx, snapshots)
}

// A state whose encoder panics gets no snapshot, and one whose decoder panics is folded from the log. The service continues.
func TestAStateWhoseCodecPanics(t *testing.T) {
	t.Parallel()
	registry := runtimetest.NewRegistry(t, es.Module{Name: "counting", Deciders: []es.DeciderDef{es.Decider[brittle]{
		Category: "counter",
		Decide:   es.Commands[brittle]{es.Handle("add", func(_ brittle, c runtimetest.Add) ([]core.Event, error) { return es.Accept(runtimetest.Added(c)) })},
		Evolve:   es.Events[brittle]{es.Apply("Added", func(b brittle, e runtimetest.Added) brittle { return brittle{b.Total + e.N} })},
	}}})
	log, snapshots := memory.NewLog(1), &kept{Snapshots: memory.NewSnapshots()}
	start := func() *command.Executor {
		x, err := command.NewExecutor(registry, log, snapshots, command.Config{SnapshotEvery: 1, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	x := start()
	runAndStop(t, x, func() {
		for id, second := range map[string]int{"bad": 12, "good": 13} {
			runtimetest.MustExecute(t, x, runtimetest.AddCommand(id, "1", 1))
			runtimetest.MustExecute(t, x, runtimetest.AddCommand(id, "2", second))
		}
	})
	if !slices.Equal(snapshots.ids, []string{"good"}) {
		t.Errorf("snapshots of %v are kept", snapshots.ids)
	}
	if got := runtimetest.MustExecute(t, start(), runtimetest.AddCommand("good", "2", 13)); !got.Repeated {
		t.Errorf("a repeated command got %+v", got)
	}
}
