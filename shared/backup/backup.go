package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"orchestrix/shared/core"
	"orchestrix/shared/port"
)

// ErrOtherLog says that the directory holds a backup of another log.
var ErrOtherLog = errors.New("the directory holds a backup of another log")

// Report says what was done.
type Report struct {
	Commits    uint64   // now
	Unreadable uint64   // entries that are no commits of any stream: they are named in the backup, and not restored
	Named      []string // the first of them
	Manifest   Manifest
}

// leftOut are entries that can't be restored.
type leftOut struct {
	count uint64
	named []string
}

const maxNamed = 20

func (l *leftOut) add(c *core.Commit, why error) {
	l.count++
	if len(l.named) < maxNamed {
		l.named = append(l.named, fmt.Sprintf("%s: %v", c.Position, why))
	}
}

// Progress is told how far the work is. It may be nil.
type Progress func(done, total uint64)

const segmentCommits = 5000

// Write copies what the log holds at this moment, and the directory does not hold yet. It can be interrupted: the next
// run goes on. It returns [ErrOtherLog], or [port.ErrUnavailable].
func Write(ctx context.Context, log port.Feed, dir string, progress Progress) (Report, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return Report{}, err
	}
	w := &writer{log: log, dir: dir, progress: progress}
	heads, err := w.prepare(ctx)
	if err != nil {
		return Report{}, err
	}
	for partition, head := range heads {
		w.total += head.Position.Sequence - min(head.Position.Sequence, w.manifest.Partitions[partition].Last())
	}
	var errs []error
	for partition, head := range heads {
		errs = append(errs, w.partition(ctx, partition, head.Position.Sequence))
	}
	return Report{Commits: w.done, Unreadable: w.leftOut.count, Named: w.leftOut.named, Manifest: w.manifest}, errors.Join(errs...)
}

type writer struct {
	log      port.Feed
	dir      string
	progress Progress

	mu          sync.Mutex
	manifest    Manifest
	done, total uint64
	leftOut     leftOut
}

// prepare reads the manifest, or begins one, and makes sure that it is about this log.
func (w *writer) prepare(ctx context.Context) (heads []port.Head, err error) {
	w.manifest, err = ReadManifest(w.dir)
	isNew := errors.Is(err, ErrNoBackup)
	if err != nil && !isNew {
		return nil, err
	}
	for partition := range w.log.Partitions() {
		head, err := w.log.Head(ctx, partition)
		if err != nil {
			return nil, err
		}
		heads = append(heads, head)
		if isNew {
			w.manifest.Partitions = append(w.manifest.Partitions, Partition{Created: head.Created.UTC(), Segments: []Segment{}})
		}
	}
	if isNew {
		w.manifest.Format = format
		return heads, w.manifest.write(w.dir)
	}
	if len(w.manifest.Partitions) != len(heads) {
		return nil, fmt.Errorf("%w: that has %d partitions, this one %d; name another directory", ErrOtherLog, len(w.manifest.Partitions), len(heads))
	}
	for partition, p := range w.manifest.Partitions {
		if !p.Created.Equal(heads[partition].Created) || p.Last() > heads[partition].Position.Sequence {
			return nil, fmt.Errorf("%w: its partition %d was created at %s and ends at %d, this one at %s and %d; name another directory",
				ErrOtherLog, partition, p.Created, p.Last(), heads[partition].Created, heads[partition].Position.Sequence)
		}
		if err := w.checkEnd(ctx, partition, p); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

// checkEnd makes sure that the log holds what the backup of a partition ends with: it may have been set back to an older
// state, and have gone on with other commits since.
func (w *writer) checkEnd(ctx context.Context, partition int, p Partition) error {
	if len(p.Segments) == 0 {
		return nil
	}
	ours, err := p.Segments[len(p.Segments)-1].last(w.dir, partition)
	if err != nil {
		return fmt.Errorf("the directory holds a damaged backup, name another one: %w", err)
	}
	theirs, err := port.CommitAt(ctx, w.log, core.Position{Partition: partition, Sequence: p.Last()})
	if err == nil {
		theirs, err = stored(theirs)
	}
	if err != nil {
		return err
	}
	if ours.Err == nil && theirs.Err == nil && !bytes.Equal(ours.Digest(), theirs.Digest()) {
		return fmt.Errorf("%w: its partition %d ends at %d with version %d of %s, this one has version %d of %s there: the log was set back since; name another directory",
			ErrOtherLog, partition, p.Last(), ours.Version, ours.Stream, theirs.Version, theirs.Stream)
	}
	return nil
}

// partition writes segment after segment, each of which counts as soon as the manifest names it.
func (w *writer) partition(ctx context.Context, partition int, until uint64) error {
	var pending []core.Commit
	after := core.Position{Partition: partition, Sequence: w.manifest.Partitions[partition].Last()}
	err := port.Walk(ctx, w.log, after, until, func(commits []core.Commit) error {
		pending = append(pending, commits...)
		if len(pending) < segmentCommits {
			return nil
		}
		err := w.segment(partition, pending)
		pending = nil
		return err
	})
	if err == nil && len(pending) > 0 {
		err = w.segment(partition, pending)
	}
	if err != nil {
		return fmt.Errorf("partition %d: %w", partition, err)
	}
	return nil
}

func (w *writer) segment(partition int, commits []core.Commit) error {
	s, err := writeSegment(w.dir, partition, commits)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &w.manifest.Partitions[partition]
	p.Segments = append(p.Segments, s)
	if err := w.manifest.write(w.dir); err != nil {
		return err
	}
	w.done += uint64(len(commits))
	for i := range commits {
		if commits[i].Err != nil {
			w.leftOut.add(&commits[i], commits[i].Err)
		}
	}
	if w.progress != nil {
		w.progress(w.done, w.total)
	}
	return nil
}
