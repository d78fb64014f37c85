package follower_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"
)

const partitions = 4

// recorder is a consumer that records the positions of the commits that its handlers have committed.
type recorder struct {
	store *memory.Views

	mu       sync.Mutex
	sequence map[int]uint64 // by partition: of the last commit
	commits  int
	fails    error // of the next call of a handler
	faults   []string
}

func newRecorder(store *memory.Views) *recorder {
	return &recorder{store: store, sequence: map[int]uint64{}}
}

func (r *recorder) consumer() follower.Consumer {
	return follower.Consumer{
		Spec: core.ViewSpec{Name: "recorder", Version: 1},
		Open: func(build core.ViewSpec, _ int) follower.CommitHandler {
			return &recordingHandler{recorder: r, build: build}
		},
	}
}

type recordingHandler struct {
	recorder *recorder
	build    core.ViewSpec
}

// Handle implements [follower.CommitHandler].
func (h *recordingHandler) Handle(ctx context.Context, b follower.CommitBatch, c follower.Checkpointer) error {
	if err := h.recorder.takeFailure(); err != nil {
		return err
	}
	err := c.Commit(ctx, b, func(ctx context.Context, u port.Update) error {
		return h.recorder.store.Apply(ctx, h.build, u, func(port.FoldInput) (port.FoldResult, error) { return port.FoldResult{}, nil })
	})
	if err == nil {
		h.recorder.record(b.Commits)
	}
	return err
}

func (r *recorder) takeFailure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.fails
	r.fails = nil
	return err
}

func (r *recorder) record(commits []*follower.DecodedCommit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range commits {
		if p := c.Position; p.Sequence <= r.sequence[p.Partition] {
			r.faults = append(r.faults, fmt.Sprintf("%s comes after sequence %d", p, r.sequence[p.Partition]))
		}
		if len(c.Decoded) != 1 || c.DecodeError(0) != nil {
			r.faults = append(r.faults, fmt.Sprintf("%s is not decoded", c.Position))
		}
		r.sequence[c.Position.Partition] = c.Position.Sequence
		r.commits++
	}
}

// await waits until this number of commits is recorded, and checks their order.
func (r *recorder) await(t *testing.T, commits int) {
	t.Helper()
	runtimetest.Eventually(t, "the commits", func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.commits < commits {
			return fmt.Errorf("%d of %d have come", r.commits, commits)
		}
		return nil
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.commits != commits || len(r.faults) > 0 {
		t.Errorf("%d of %d have come: %v", r.commits, commits, r.faults)
	}
}

// follow runs a follower until stop is called or the test ends.
func (r *recorder) follow(t *testing.T, log port.Feed, owner string) (f *follower.Follower, stop func()) {
	t.Helper()
	config := follower.Config{Owner: owner, Batch: 10, LeaseTTL: runtimetest.ShortTTL, Logger: slog.New(slog.DiscardHandler), Kind: port.ProjectionWorker}
	f = follower.New(runtimetest.CounterRegistry(t), log, r.store, []follower.Consumer{r.consumer()}, config)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := f.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	return f, stop
}

// awaitState waits until a number of partitions of a follower is in a state.
func awaitState(t *testing.T, f *follower.Follower, state follower.State, want int) (found []follower.PartitionReport) {
	t.Helper()
	runtimetest.Eventually(t, fmt.Sprintf("%d partitions are %s", want, state), func() error {
		found = nil
		for _, build := range f.Status() {
			for _, p := range build.Partitions {
				if p.State == state {
					found = append(found, p)
				}
			}
		}
		if len(found) != want {
			return fmt.Errorf("%d are", len(found))
		}
		return nil
	})
	return found
}

// The handlers get each commit of a partition once and in order, also across a restart and a failed batch.
func TestFollowerContinuesFromItsCheckpoints(t *testing.T) {
	t.Parallel()
	log, r := memory.NewLog(partitions), newRecorder(memory.NewViews())
	runtimetest.FeedCounters(t, log, "before", 8, 12)
	_, stop := r.follow(t, log, "one")
	r.await(t, 8*12)
	stop()
	runtimetest.FeedCounters(t, log, "between", 8, 12)
	r.mu.Lock()
	r.fails = errors.New("refused on purpose")
	r.mu.Unlock()
	f, _ := r.follow(t, log, "two")
	r.await(t, 2*8*12)
	runtimetest.FeedCounters(t, log, "after", 8, 12)
	r.await(t, 3*8*12)
	awaitState(t, f, follower.Following, partitions)
}

// Two followers have half of the partitions each, until one of them stops.
func TestFollowersShareThePartitions(t *testing.T) {
	t.Parallel()
	log, r := memory.NewLog(partitions), newRecorder(memory.NewViews())
	first, stopFirst := r.follow(t, log, "one")
	awaitState(t, first, follower.Following, partitions)
	second, _ := r.follow(t, log, "two")
	awaitState(t, second, follower.Following, partitions/2)
	awaitState(t, first, follower.Following, partitions/2)
	stopFirst()
	awaitState(t, second, follower.Following, partitions)
	runtimetest.FeedCounters(t, log, "a", 8, 12)
	runtimetest.Eventually(t, "the checkpoints are at the end", func() error {
		for _, build := range second.Status() {
			for _, p := range build.Partitions {
				if head, err := log.Head(t.Context(), p.Position.Partition); err != nil || p.Position != head.Position {
					return fmt.Errorf("at %s of %s: %w", p.Position, head.Position, err)
				}
			}
		}
		return nil
	})
}

// A follower whose checkpoints are of another log halts there, and hands no commit to a handler.
func TestFollowerHaltsOnAnotherLog(t *testing.T) {
	t.Parallel()
	r := newRecorder(memory.NewViews())
	log := memory.NewLog(1)
	runtimetest.FeedCounters(t, log, "a", 2, 3)
	_, stop := r.follow(t, log, "one")
	r.await(t, 2*3)
	stop()
	other := memory.NewLog(1)
	runtimetest.FeedCounters(t, other, "b", 2, 9)
	f, _ := r.follow(t, other, "two")
	halted := awaitState(t, f, follower.Halted, 1)
	var mismatch *follower.LogMismatchError
	if !errors.As(halted[0].Err, &mismatch) || mismatch.Position.Sequence == 0 {
		t.Errorf("it is halted by %v", halted[0].Err)
	}
	r.await(t, 2*3)
}

// While a backup is restored into the log that a follower follows, its handlers get no commit: what follows from one may come later.
func TestFollowerWaitsForTheEndOfARestore(t *testing.T) {
	t.Parallel()
	log, r := memory.NewLog(1), newRecorder(memory.NewViews())
	f, _ := r.follow(t, log, "one")
	awaitState(t, f, follower.Following, 1)
	restore, err := log.BeginRestore(t.Context(), "a", false)
	if err != nil {
		t.Fatal(err)
	}
	runtimetest.FeedCounters(t, restore, "a", 2, 3)
	waits := awaitState(t, f, follower.Retrying, 1)
	if !errors.Is(waits[0].Err, port.ErrRestoring) || waits[0].Position.Sequence != 0 {
		t.Errorf("it waits at %s with %v", waits[0].Position, waits[0].Err)
	}
	if err := log.EndRestore(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.await(t, 2*3)
}
