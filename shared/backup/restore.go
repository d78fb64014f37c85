package backup

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"orchestrix/shared/core"
	"orchestrix/shared/port"
	"orchestrix/shared/retry"
)

// ErrNotEmpty says that a log holds commits already.
var ErrNotEmpty = errors.New("the log is not empty")

// RestoreOptions say how a backup is written back.
type RestoreOptions struct {
	Continue bool // into a log that holds a part of this backup, since an earlier restore was interrupted
	Progress Progress
}

// Restore writes a backup into a log, which may have another number of partitions: sequences and back-pointers are new,
// all else is kept, and so is the order within each partition of the backup as far as it is one of the log. It checks
// every checksum before it writes anything. It returns [ErrNotEmpty], [ErrNoBackup], [port.ErrConflict] where the log
// holds something else, or [port.ErrUnavailable].
func Restore(ctx context.Context, dir string, log port.Log, o RestoreOptions) (Report, error) {
	manifest, err := ReadManifest(dir)
	if err != nil {
		return Report{}, err
	}
	if err := checkAll(dir, manifest); err != nil {
		return Report{}, err
	}
	if !o.Continue {
		if err := checkEmpty(ctx, log); err != nil {
			return Report{}, err
		}
	}
	r := &restorer{log: log, total: manifest.Commits(), progress: o.Progress}
	err = r.run(ctx, mergeByTime(dir, manifest))
	return Report{Commits: r.done.Load(), Unreadable: r.leftOut.count, Named: r.leftOut.named, Manifest: manifest}, err
}

func checkAll(dir string, m Manifest) error {
	for _, p := range m.Partitions {
		next := uint64(1)
		for _, s := range p.Segments {
			if s.First < next {
				return fmt.Errorf("%s: the segment begins at %d, before the one before it ends", s.File, s.First)
			}
			next = s.Last + 1
			if err := s.checkFile(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkEmpty(ctx context.Context, log port.Log) error {
	for partition := range log.Partitions() {
		head, err := log.Head(ctx, partition)
		if err != nil {
			return err
		}
		if head.Position.Sequence > 0 {
			return fmt.Errorf("%w: it ends at %s; restore into a new one, or go on with an interrupted restore by --continue", ErrNotEmpty, head.Position)
		}
	}
	return nil
}

// mergeByTime hands over the commits of all partitions: each in its order, and the earliest next one first.
func mergeByTime(dir string, m Manifest) iter.Seq2[core.Commit, error] {
	return func(yield func(core.Commit, error) bool) {
		type head struct {
			commit core.Commit
			err    error
			next   func() (core.Commit, error, bool)
		}
		var heads []*head
		for partition, p := range m.Partitions {
			next, stop := iter.Pull2(partitionCommits(dir, partition, p))
			defer stop()
			h := &head{next: next}
			var more bool
			if h.commit, h.err, more = next(); more {
				heads = append(heads, h)
			}
		}
		for len(heads) > 0 {
			earliest := 0
			for i, h := range heads {
				if h.commit.Time.Before(heads[earliest].commit.Time) {
					earliest = i
				}
			}
			h := heads[earliest]
			if !yield(h.commit, h.err) || h.err != nil {
				return
			}
			var more bool
			if h.commit, h.err, more = h.next(); !more {
				heads = append(heads[:earliest], heads[earliest+1:]...)
			}
		}
	}
}

func partitionCommits(dir string, partition int, p Partition) iter.Seq2[core.Commit, error] {
	return func(yield func(core.Commit, error) bool) {
		for _, s := range p.Segments {
			for c, err := range s.commits(dir, partition) {
				if !yield(c, err) {
					return
				}
			}
		}
	}
}

// restorer appends the commits of each partition in order, and the partitions at the same time.
type restorer struct {
	log      port.Log
	progress Progress
	total    uint64
	done     atomic.Uint64

	mu      sync.Mutex
	leftOut leftOut
}

// leaveOut passes over an entry that any client of NATS may have written: the rest is worth more than it.
func (r *restorer) leaveOut(c *core.Commit, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leftOut.add(c, why)
}

const ahead = 1000 // commits that wait for one partition

func (r *restorer) run(ctx context.Context, commits iter.Seq2[core.Commit, error]) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lanes := make([]chan core.Commit, r.log.Partitions())
	var appending sync.WaitGroup
	for i := range lanes {
		lanes[i] = make(chan core.Commit, ahead)
		appending.Go(func() {
			if err := r.append(ctx, lanes[i]); err != nil {
				cancel(err)
			}
		})
	}
	err := r.dispatch(ctx, commits, lanes)
	for _, lane := range lanes {
		close(lane)
	}
	if err != nil {
		cancel(err)
	}
	appending.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func (r *restorer) dispatch(ctx context.Context, commits iter.Seq2[core.Commit, error], lanes []chan core.Commit) error {
	for c, err := range commits {
		if err != nil {
			return err
		}
		if c.Err != nil {
			r.leaveOut(&c, c.Err)
			continue
		}
		select {
		case lanes[core.PartitionOf(c.Stream.Tenant, c.Stream.ID, len(lanes))] <- c:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (r *restorer) append(ctx context.Context, commits <-chan core.Commit) error {
	ends := map[core.Stream]core.Revision{}
	for c := range commits {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		expected := ends[c.Stream]
		if c.First() != expected.Version+1 {
			r.leaveOut(&c, fmt.Errorf("%w: version %d of %s comes after %d", core.ErrCorrupt, c.First(), c.Stream, expected.Version))
			continue
		}
		if core.CheckCommandID(c.Command.ID) != nil { // other clients need not give one
			c.Command.ID = "restored-" + c.Position.String()
		}
		revision, err := r.appendOne(ctx, expected, c)
		if errors.Is(err, core.ErrBadToken) || errors.Is(err, core.ErrBadPayload) {
			r.leaveOut(&c, err)
			continue
		}
		if err != nil {
			return fmt.Errorf("restore version %d of %s: %w", c.Version, c.Stream, err)
		}
		ends[c.Stream] = revision
		if done := r.done.Add(1); r.progress != nil && done%256 == 0 {
			r.progress(done, r.total)
		}
	}
	return nil
}

const (
	repetition      = 3 * time.Minute // for longer than that, no log takes a command for one that it has had
	repetitionPause = 500 * time.Millisecond
)

// appendOne appends a commit. Where a client has used a command id again, long after it was forgotten, the log may take the
// second command for the first one, which has come only now: it is appended when the log has forgotten that.
func (r *restorer) appendOne(ctx context.Context, expected core.Revision, c core.Commit) (core.Revision, error) {
	for end := time.Now().Add(repetition); ; {
		revision, err := r.log.Append(ctx, expected, c)
		if !errors.Is(err, port.ErrConflict) || time.Now().After(end) {
			return revision, err
		}
		last, failed := r.log.LastConfirmed(ctx, c.Stream)
		if failed != nil || last.Position != expected.Position {
			return revision, err
		}
		if !retry.Sleep(ctx, repetitionPause) {
			return revision, context.Cause(ctx)
		}
	}
}
