package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// restartable is a server that can be stopped and started on its port and its streams.
type restartable struct {
	options local.NATSOptions
	server  *local.NATS
}

func startServer(t testing.TB) *restartable {
	t.Helper()
	r := &restartable{options: local.NATSOptions{Dir: filepath.Join(t.TempDir(), "nats"), SyncInterval: time.Minute}}
	r.start(t)
	r.options.Addr = strings.TrimPrefix(r.server.URL(), "nats://")
	t.Cleanup(func() { r.stop(t) })
	return r
}

func (r *restartable) start(t testing.TB) {
	t.Helper()
	var err error
	if r.server, err = local.StartNATS(context.WithoutCancel(t.Context()), r.options); err != nil {
		t.Fatal(err)
	}
}

func (r *restartable) stop(t testing.TB) {
	t.Helper()
	if err := r.server.Close(); err != nil {
		t.Error(err)
	}
}

// Rules 5 and 6: without an answer nothing is acknowledged, the log is not ready, and followers end with an error; after
// the server's restart, all of it works again.
func TestWithoutAServerNothingIsAcknowledged(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	log := openOn(t, connect(t, server.server.URL()), jetstream.Config{AppendBudget: 3 * time.Second, AckTimeout: time.Second})
	revision := mustAppend(t, log, core.Revision{}, happened(thing("a"), "c1"))
	followed := make(chan error, 1)
	following := make(chan struct{})
	go func() {
		followed <- log.Follow(context.WithoutCancel(t.Context()), core.Position{Partition: revision.Position.Partition}, 10, func(context.Context, port.Batch) error {
			close(following)
			return nil
		})
	}()
	<-following
	server.stop(t)
	if _, err := log.Append(t.Context(), revision, happened(thing("a"), "c2")); !errors.Is(err, port.ErrUnavailable) {
		t.Errorf("an append without a server got %v", err)
	}
	if err := log.Ping(t.Context()); !errors.Is(err, port.ErrUnavailable) {
		t.Errorf("a ping without a server got %v", err)
	}
	if err := <-followed; !errors.Is(err, port.ErrUnavailable) {
		t.Errorf("the follower ended with %v", err)
	}
	server.start(t)
	if err := untilAvailable(t.Context(), func(ctx context.Context) error {
		_, err := log.Append(ctx, revision, happened(thing("a"), "c2"))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := untilAvailable(t.Context(), log.Ping); err != nil {
		t.Errorf("a ping afterwards got %v", err)
	}
}

// untilAvailable repeats try while the log can't be reached.
func untilAvailable(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := try(ctx)
		if !errors.Is(err, port.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
	}
}

// Each acknowledged commit is in the log once, and a follower receives every commit in order, however often the server
// restarts.
func TestRestartsLoseNothing(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	log := openOn(t, connect(t, server.server.URL()), jetstream.Config{Partitions: 1, AckTimeout: time.Second, AppendBudget: 2 * time.Second})
	checkThrough(t, log, func() {
		for range 2 {
			server.stop(t)
			server.start(t)
		}
	})
}

// checkThrough runs writers and a follower on partition 0 while the log is disturbed, and compares their results with the
// log. The last commit is that of the stream "end".
func checkThrough(t testing.TB, log port.Log, disturb func()) {
	t.Helper()
	const writers, between = 4, 100 // commits before, and after
	progress, stop := make(chan struct{}), make(chan struct{})
	wrote := make([]int, writers)
	var writing, following sync.WaitGroup
	for w := range wrote {
		writing.Go(func() { wrote[w] = writeUntil(t, log, fmt.Sprint("w", w), progress, stop) })
	}
	var commits []core.Commit
	following.Go(func() { commits = followThrough(t, log, "end") })
	for range between {
		<-progress
	}
	disturbed := make(chan struct{})
	go func() { defer close(disturbed); disturb() }()
	for ongoing := true; ongoing; {
		select {
		case <-progress:
		case <-disturbed:
			ongoing = false
		}
	}
	for range between {
		<-progress
	}
	close(stop)
	writing.Wait()
	last, err := log.Head(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	end := mustAppend(t, log, core.Revision{}, happened(thing("end"), "end"))
	following.Wait()

	seen := map[string]int{}
	for i, c := range commits {
		ours := strings.HasPrefix(c.Stream.ID, "w")
		if c.Err != nil || c.Position.Sequence != uint64(i+1) || c.Version != core.Version(seen[c.Stream.ID]+1) || ours && c.Command.ID != fmt.Sprint(seen[c.Stream.ID]) {
			t.Errorf("commit %d is version %d of %s by %s at %s: %v", i+1, c.Version, c.Stream, c.Command.ID, c.Position, c.Err)
		}
		seen[c.Stream.ID]++
	}
	for w, n := range wrote {
		if id := fmt.Sprint("w", w); seen[id] != n || len(read(t, log, thing(id))) != n {
			t.Errorf("%s: %d commits were acknowledged, the follower received %d, the log has %d", id, n, seen[id], len(read(t, log, thing(id))))
		}
	}
	if end.Position.Sequence != last.Position.Sequence+1 || len(commits) != int(end.Position.Sequence) {
		t.Errorf("the follower saw %d commits, the last is at %s", len(commits), end.Position)
	}
}

// writeUntil writes a stream commit by commit, and returns how many were acknowledged.
func writeUntil(t testing.TB, log port.Appender, id string, progress chan<- struct{}, stop <-chan struct{}) int {
	revision := core.Revision{}
	for n := 0; ; n++ {
		c := happened(thing(id), fmt.Sprint(n))
		err := untilAvailable(t.Context(), func(ctx context.Context) (err error) {
			var next core.Revision
			if next, err = log.Append(ctx, revision, c); err == nil {
				revision = next
			}
			return err
		})
		if err != nil {
			t.Errorf("commit %d of %s: %v", n, id, err)
			return n
		}
		select {
		case progress <- struct{}{}:
		case <-stop:
			return n + 1
		}
	}
}

// followThrough follows partition 0 up to a commit of the stream id, again whenever the log can't be reached.
func followThrough(t testing.TB, log port.Feed, id string) []core.Commit {
	var commits []core.Commit
	after := core.Position{}
	errEnd := errors.New("end")
	err := untilAvailable(t.Context(), func(ctx context.Context) error {
		return log.Follow(ctx, after, 7, func(_ context.Context, b port.Batch) error {
			commits = append(commits, b.Commits...)
			after = b.Commits[len(b.Commits)-1].Position
			if commits[len(commits)-1].Stream.ID == id {
				return errEnd
			}
			return nil
		})
	})
	if !errors.Is(err, errEnd) {
		t.Errorf("the follower has %d commits: %v", len(commits), err)
	}
	return commits
}

func read(t testing.TB, log port.Reader, s core.Stream) []core.Commit {
	t.Helper()
	var commits []core.Commit
	for c, err := range port.Read(t.Context(), log, s, 0) {
		if err != nil {
			t.Errorf("read %s: %v", s, err)
			break
		}
		commits = append(commits, c)
	}
	return commits
}
