package porttest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Feed tests an implementation of [port.Feed]. open returns an empty log of several partitions for one test.
func Feed(t *testing.T, open func(t testing.TB) port.Log) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, port.Log){
		"commits come in order":                 feedOrder,
		"following continues from any position": feedResumes,
		"pending counts down":                   feedPending,
		"a live follower misses nothing":        feedLive,
		"a handler's error ends a Follow":       feedHandlerError,
		"an ended context ends a Follow":        feedCancel,
		"heads":                                 feedHeads,
		"partitions that are not there":         feedNoPartition,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

var errDone = errors.New("seen enough")

// collect follows a partition until it has this number of commits.
func collect(t testing.TB, log port.Feed, after core.Position, maxBatch, count int) []core.Commit {
	t.Helper()
	var commits []core.Commit
	if count == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := log.Follow(ctx, after, maxBatch, func(_ context.Context, b port.Batch) error {
		if len(b.Commits) == 0 || len(b.Commits) > maxBatch {
			t.Errorf("a batch holds %d commits, at most %d are wanted", len(b.Commits), maxBatch)
		}
		commits = append(commits, b.Commits...)
		if len(commits) >= count {
			if b.Pending != 0 {
				t.Errorf("%d commits are pending after the last", b.Pending)
			}
			return errDone
		}
		return nil
	})
	if !errors.Is(err, errDone) {
		t.Fatalf("Follow ended with %v after %d of %d commits", err, len(commits), count)
	}
	return commits
}

// fill appends commits to several streams and returns the number of each partition.
func fill(t testing.TB, log port.Log, streams, each int) map[int]int {
	t.Helper()
	count := map[int]int{}
	for i := range streams {
		revision := core.Revision{}
		for n := range each {
			s := stream(fmt.Sprint("s", i))
			revision = appendOK(t, log, revision, commit(s, fmt.Sprintf("%d-%d", i, n), 1))
			count[revision.Position.Partition]++
		}
	}
	return count
}

func feedOrder(t *testing.T, log port.Log) {
	count := fill(t, log, 20, 5)
	for p := range log.Partitions() {
		last, versions := uint64(0), map[core.Stream]core.Version{}
		for _, c := range collect(t, log, core.Position{Partition: p}, 7, count[p]) {
			if c.Position.Partition != p || c.Position.Sequence <= last || c.Err != nil {
				t.Errorf("%s follows sequence %d: %v", c.Position, last, c.Err)
			}
			if c.Version != versions[c.Stream]+1 || len(c.Events) != 1 {
				t.Errorf("%s: version %d follows %d", c.Stream, c.Version, versions[c.Stream])
			}
			last, versions[c.Stream] = c.Position.Sequence, c.Version
		}
	}
}

func feedResumes(t *testing.T, log port.Log) {
	count := fill(t, log, 1, 30)
	for p, n := range count {
		all := collect(t, log, core.Position{Partition: p}, 100, n)
		for i := range all[:n-1] {
			rest := collect(t, log, all[i].Position, 100, n-i-1)
			if rest[0].Position != all[i+1].Position {
				t.Errorf("after %s comes %s, not %s", all[i].Position, rest[0].Position, all[i+1].Position)
			}
		}
	}
}

// Pending is the number of commits after the batch when it was read.
func feedPending(t *testing.T, log port.Log) {
	for p, n := range fill(t, log, 1, 30) {
		seen := 0
		err := log.Follow(t.Context(), core.Position{Partition: p}, 4, func(_ context.Context, b port.Batch) error {
			if seen += len(b.Commits); b.Pending != uint64(n-seen) {
				t.Errorf("after %d of %d commits %d are pending", seen, n, b.Pending)
			}
			if seen == n {
				return errDone
			}
			return nil
		})
		wantErr(t, "Follow", err, errDone)
	}
}

func feedLive(t *testing.T, log port.Log) {
	const writers, each, followers = 8, 25, 2
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var following sync.WaitGroup
	var mu sync.Mutex
	seen := make([]map[string]int, followers)
	all := make(chan struct{})
	left := followers * writers * each
	for f := range followers {
		seen[f] = map[string]int{}
		for p := range log.Partitions() {
			following.Go(func() {
				last := uint64(0)
				err := log.Follow(ctx, core.Position{Partition: p}, 10, func(_ context.Context, b port.Batch) error {
					mu.Lock()
					defer mu.Unlock()
					for _, c := range b.Commits {
						if c.Position.Sequence <= last || c.Err != nil {
							t.Errorf("%s follows sequence %d: %v", c.Position, last, c.Err)
						}
						last = c.Position.Sequence
						if seen[f][c.Command.ID]++; seen[f][c.Command.ID] == 1 {
							left--
						}
					}
					if left == 0 {
						close(all)
						left = -1
					}
					return nil
				})
				if err != nil {
					t.Errorf("Follow: %v", err)
				}
			})
		}
	}
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			var revision core.Revision
			var err error
			for n := range each {
				if revision, err = log.Append(ctx, revision, commit(stream(fmt.Sprint("w", w)), fmt.Sprintf("%d-%d", w, n), 1)); err != nil {
					t.Errorf("append: %v", err)
					return
				}
			}
		})
	}
	writing.Wait()
	waitCtx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-all:
	case <-waitCtx.Done():
		t.Error("not every follower has seen every commit")
	}
	stop()
	following.Wait()
}

func feedHandlerError(t *testing.T, log port.Log) {
	count := fill(t, log, 1, 3)
	for p := range count {
		calls := 0
		err := log.Follow(t.Context(), core.Position{Partition: p}, 1, func(context.Context, port.Batch) error {
			calls++
			return errDone
		})
		if !errors.Is(err, errDone) || calls != 1 {
			t.Errorf("Follow ended with %v after %d calls", err, calls)
		}
	}
}

func feedCancel(t *testing.T, log port.Log) {
	count := fill(t, log, 1, 1)
	for p := range log.Partitions() {
		ctx, stop := context.WithCancel(t.Context())
		if count[p] == 0 {
			stop()
		}
		handled := false
		err := log.Follow(ctx, core.Position{Partition: p}, 1, func(context.Context, port.Batch) error {
			stop()
			handled = true
			return nil
		})
		stop()
		if err != nil || handled != (count[p] > 0) {
			t.Errorf("Follow ended with %v, handled: %v", err, handled)
		}
	}
}

func feedHeads(t *testing.T, log port.Log) {
	for p := range log.Partitions() {
		head, err := log.Head(t.Context(), p)
		if err != nil || head.Position != (core.Position{Partition: p}) || !head.Time.IsZero() || head.Created.IsZero() {
			t.Errorf("the head of an empty partition is %+v, %v", head, err)
		}
	}
	revision := appendOK(t, log, core.Revision{}, commit(stream("a"), "c", 1))
	head, err := log.Head(t.Context(), revision.Position.Partition)
	if err != nil || head.Position != revision.Position || head.Time.IsZero() {
		t.Errorf("the head is %+v, %v, the commit is at %s", head, err, revision.Position)
	}
	if created := log.Created(stream("a")); !created.Equal(head.Created) {
		t.Errorf("the partition was created at %v, for the stream at %v", head.Created, created)
	}
}

func feedNoPartition(t *testing.T, log port.Log) {
	for _, p := range []int{-1, log.Partitions()} {
		_, err := log.Head(t.Context(), p)
		wantErr(t, fmt.Sprint("Head of ", p), err, core.ErrBadPosition)
		err = log.Follow(t.Context(), core.Position{Partition: p}, 1, func(context.Context, port.Batch) error { return nil })
		wantErr(t, fmt.Sprint("Follow of ", p), err, core.ErrBadPosition)
	}
}
