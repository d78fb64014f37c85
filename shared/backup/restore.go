package backup

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"filippo.io/age"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/retry"
)

// RestoreOptions are the settings of a restore.
type RestoreOptions struct {
	Continue   bool              // an interrupted restore of this backup
	VerifyKey  ed25519.PublicKey // the manifest must be signed with its private key; nil: the signature is not verified
	Unsigned   bool              // also restore a backup without signature, though there is a VerifyKey
	Identities []age.Identity    // decrypt the segments
	Progress   Progress
}

// Restore writes a backup into a log, which may have another number of partitions. Sequences and back-pointers are new; the
// rest of each commit is kept. Commits of one partition of the backup that come into the same partition of the log keep their
// order. Restore verifies the signature, every checksum, and that the segments can be decrypted, before it writes. The log is
// closed to all others until the restore has ended: see [port.Restorable]. It returns [port.ErrNotEmpty], [ErrNoBackup],
// [ErrUnsigned], [ErrForged], or [port.ErrUnavailable].
func Restore(ctx context.Context, dir string, log port.Restorable, o RestoreOptions) (Report, error) {
	manifest, err := o.manifest(dir)
	if err != nil {
		return Report{}, err
	}
	if err := checkSegments(dir, manifest, o.Identities); err != nil {
		return Report{}, err
	}
	closed, err := log.BeginRestore(ctx, manifest.id(), o.Continue)
	if err != nil {
		return Report{}, err
	}
	r := &restorer{log: closed, total: manifest.Commits(), progress: o.Progress}
	if err = r.restore(ctx, mergeByTime(dir, manifest, o.Identities)); err == nil {
		err = log.EndRestore(ctx)
	}
	return Report{Commits: r.done.Load(), Unreadable: r.skipped.count, Named: r.skipped.named, Manifest: manifest}, err
}

// manifest reads the manifest and verifies its signature.
func (o RestoreOptions) manifest(dir string) (Manifest, error) {
	read, err := readManifest(dir)
	if err != nil || o.VerifyKey == nil || o.Unsigned && read.signature == nil {
		return read.Manifest, err
	}
	if err := read.signature.verify(o.VerifyKey, read.raw); err != nil {
		return Manifest{}, fmt.Errorf("%s: %w", dir, err)
	}
	return read.Manifest, nil
}

func checkSegments(dir string, m Manifest, identities []age.Identity) error {
	for _, p := range m.Partitions {
		next := uint64(1)
		for _, s := range p.Segments {
			if s.First < next {
				return fmt.Errorf("%s: the segment starts at %d, before the end of the previous one", s.File, s.First)
			}
			next = s.Last + 1
			if err := s.checkFile(dir, identities); err != nil {
				return err
			}
		}
	}
	return nil
}

// mergeByTime yields the commits of all partitions: those of each partition in order, and of their next commits the earliest
// first.
func mergeByTime(dir string, m Manifest, identities []age.Identity) iter.Seq2[core.Commit, error] {
	return func(yield func(core.Commit, error) bool) {
		type head struct {
			commit core.Commit
			err    error
			next   func() (core.Commit, error, bool)
		}
		var heads []*head
		for partition, p := range m.Partitions {
			next, stop := iter.Pull2(partitionCommits(dir, partition, p, identities))
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

func partitionCommits(dir string, partition int, p Partition, identities []age.Identity) iter.Seq2[core.Commit, error] {
	return func(yield func(core.Commit, error) bool) {
		for _, s := range p.Segments {
			for c, err := range s.commits(dir, partition, identities) {
				if !yield(c, err) {
					return
				}
			}
		}
	}
}

// restorer appends the commits of each partition in order, and the partitions concurrently.
type restorer struct {
	log      port.Log
	progress Progress
	total    uint64
	done     atomic.Uint64

	mu      sync.Mutex
	skipped skipped
}

// skip records a message that can't be restored. Any client of NATS may have written it, so it does not fail the restore.
func (r *restorer) skip(c *core.Commit, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skipped.skip(c, why)
}

const laneSize = 1000 // commits queued for one partition

// restore appends the commits, with one goroutine for each partition of the log.
func (r *restorer) restore(ctx context.Context, commits iter.Seq2[core.Commit, error]) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lanes := make([]chan core.Commit, r.log.Partitions())
	var appending sync.WaitGroup
	for i := range lanes {
		lanes[i] = make(chan core.Commit, laneSize)
		appending.Go(func() {
			if err := r.appendLane(ctx, lanes[i]); err != nil {
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

// dispatch sends each commit to the lane of its partition.
func (r *restorer) dispatch(ctx context.Context, commits iter.Seq2[core.Commit, error], lanes []chan core.Commit) error {
	for c, err := range commits {
		if err != nil {
			return err
		}
		if c.Err != nil {
			r.skip(&c, c.Err)
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

// appendLane appends the commits of one partition of the log.
func (r *restorer) appendLane(ctx context.Context, commits <-chan core.Commit) error {
	ends := map[core.Stream]core.Revision{}
	for c := range commits {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		expected := ends[c.Stream]
		if c.First() != expected.Version+1 {
			r.skip(&c, fmt.Errorf("%w: version %d of %s comes after %d", core.ErrCorrupt, c.First(), c.Stream, expected.Version))
			continue
		}
		if core.CheckCommandID(c.Command.ID) != nil { // other clients may write events without a command id
			c.Command.ID = "restored-" + c.Position.String()
		}
		revision, err := r.appendOne(ctx, expected, c)
		if errors.Is(err, core.ErrBadToken) || errors.Is(err, core.ErrBadPayload) {
			r.skip(&c, err)
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
	duplicateLimit = 3 * time.Minute // longer than any log remembers command ids
	duplicatePause = 500 * time.Millisecond
)

// appendOne appends a commit. A client may have used a command id twice, with a long time in between. The restore appends both
// commands within a short time, so the log may take the second one for a duplicate of the first. appendOne then retries until
// the log has forgotten the first one.
func (r *restorer) appendOne(ctx context.Context, expected core.Revision, c core.Commit) (core.Revision, error) {
	for end := time.Now().Add(duplicateLimit); ; {
		revision, err := r.log.Append(ctx, expected, c)
		if !errors.Is(err, port.ErrConflict) || time.Now().After(end) {
			return revision, err
		}
		last, failed := r.log.LastConfirmed(ctx, c.Stream)
		if failed != nil || last.Position != expected.Position {
			return revision, err
		}
		if !retry.Sleep(ctx, duplicatePause) {
			return revision, context.Cause(ctx)
		}
	}
}
