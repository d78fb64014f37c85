package backup

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"time"

	"filippo.io/age"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// ErrOtherLog means that the directory holds a backup of another log.
var ErrOtherLog = errors.New("the directory holds a backup of another log")

// Report is the result of a backup or a restore.
type Report struct {
	Commits    uint64   // copied by this call
	Noise      uint64   // messages that claim to be no commits: a backup passes over them
	Unreadable uint64   // messages that are no valid commits: the backup lists them, a restore skips them
	Named      []string // position and error of the first 20 of them
	Manifest   Manifest
}

// skipped counts the messages that can't be restored.
type skipped struct {
	count uint64
	named []string
}

const maxNamed = 20

func (l *skipped) skip(c *core.Commit, why error) {
	l.count++
	if len(l.named) < maxNamed {
		l.named = append(l.named, fmt.Sprintf("%s: %v", c.Position, why))
	}
}

// Progress is called with the number of copied commits and their total. It may be nil.
type Progress func(done, total uint64)

const segmentCommits = 5000

// WriteOptions are the settings of a backup.
type WriteOptions struct {
	SignKey    ed25519.PrivateKey // signs the manifest; nil: the backup is not signed
	Recipients []age.Recipient    // the segments are encrypted for them; none: they are not encrypted
	Progress   Progress
}

// Write copies the commits that the directory does not hold yet, up to the current end of the log. After an interruption the
// next call continues. It continues a signed backup only with the key that signed it, and another one only without a key: it
// never signs what others may have written. It returns [ErrOtherLog], [ErrUnsigned], [ErrForged], or [port.ErrUnavailable].
func Write(ctx context.Context, log port.Feed, dir string, o WriteOptions) (Report, error) {
	if err := MakeDir(dir); err != nil {
		return Report{}, err
	}
	w := &writer{log: log, dir: dir, WriteOptions: o}
	heads, err := w.prepare(ctx)
	if err != nil {
		return Report{}, err
	}
	for partition, head := range heads {
		w.total += head.Position.Sequence - min(head.Position.Sequence, w.manifest.Partitions[partition].Last())
	}
	var errs []error
	for partition, head := range heads {
		errs = append(errs, w.writePartition(ctx, partition, head.Position.Sequence))
	}
	return Report{Commits: w.done, Noise: w.noise, Unreadable: w.skipped.count, Named: w.skipped.named, Manifest: w.manifest}, errors.Join(errs...)
}

type writer struct {
	log port.Feed
	dir string
	WriteOptions

	mu          sync.Mutex
	manifest    Manifest
	done, total uint64
	noise       uint64
	skipped     skipped
}

// prepare reads the manifest or creates it, and checks that it belongs to this log.
func (w *writer) prepare(ctx context.Context) (heads []port.Head, err error) {
	existing, err := readManifest(w.dir)
	isNew := errors.Is(err, ErrNoBackup)
	if err == nil {
		err = w.mayContinue(existing)
	}
	if err != nil && !isNew {
		return nil, err
	}
	w.manifest = existing.Manifest
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
		return heads, w.manifest.write(w.dir, w.SignKey)
	}
	if len(w.manifest.Partitions) != len(heads) {
		return nil, fmt.Errorf("%w: the backup has %d partitions, the log %d; use another directory", ErrOtherLog, len(w.manifest.Partitions), len(heads))
	}
	for partition, p := range w.manifest.Partitions {
		if !p.Created.Equal(heads[partition].Created) || p.Last() > heads[partition].Position.Sequence {
			return nil, fmt.Errorf("%w: partition %d of the backup was created at %s and ends at %d, that of the log at %s and %d; use another directory",
				ErrOtherLog, partition, p.Created, p.Last(), heads[partition].Created, heads[partition].Position.Sequence)
		}
		if err := w.checkEnd(ctx, partition, p); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

// mayContinue refuses a backup whose signature is not of the key.
func (w *writer) mayContinue(existing signedManifest) error {
	if w.SignKey == nil {
		if existing.signature != nil {
			return fmt.Errorf("the backup in %s is signed with the key %s: give that key, or use another directory", w.dir, existing.signature.KeyID)
		}
		return nil
	}
	if err := existing.signature.verify(publicOf(w.SignKey), existing.raw); err != nil {
		return fmt.Errorf("the backup in %s can't be continued with this key, use another directory: %w", w.dir, err)
	}
	return nil
}

// checkEnd checks that the log still holds the last commit in the backup of a partition: the log may have been reset to an
// older state and have got other commits since.
func (w *writer) checkEnd(ctx context.Context, partition int, p Partition) error {
	if len(p.Segments) == 0 {
		return nil
	}
	ours, err := p.Segments[len(p.Segments)-1].lastDigest(w.dir, partition)
	if err != nil {
		return fmt.Errorf("the backup in the directory is damaged, use another directory: %w", err)
	}
	theirs, err := port.CommitAt(ctx, w.log, core.Position{Partition: partition, Sequence: p.Last()})
	if err == nil {
		theirs, err = normalized(theirs)
	}
	if err != nil {
		return err
	}
	if ours != nil && theirs.Err == nil && !bytes.Equal(ours, theirs.Digest()) {
		return fmt.Errorf("%w: partition %d of the backup ends at %d with another commit than version %d of %s, which the log has there: it was reset after the backup; use another directory",
			ErrOtherLog, partition, p.Last(), theirs.Version, theirs.Stream)
	}
	return nil
}

// writePartition copies a partition up to a sequence, segment by segment. A segment belongs to the backup as soon as the
// manifest lists it.
func (w *writer) writePartition(ctx context.Context, partition int, until uint64) error {
	var pending []core.Commit
	after := core.Position{Partition: partition, Sequence: w.manifest.Partitions[partition].Last()}
	err := port.Walk(ctx, w.log, after, until, func(commits []core.Commit) error {
		for i := range commits {
			if commits[i].IsNoise() {
				w.noise++
				continue
			}
			pending = append(pending, commits[i])
		}
		if len(pending) < segmentCommits {
			return nil
		}
		err := w.addSegment(partition, pending)
		pending = nil
		return err
	})
	if err == nil && len(pending) > 0 {
		err = w.addSegment(partition, pending)
	}
	if err != nil {
		return fmt.Errorf("partition %d: %w", partition, err)
	}
	return nil
}

func (w *writer) addSegment(partition int, commits []core.Commit) error {
	s, err := writeSegment(w.dir, partition, commits, w.Recipients)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &w.manifest.Partitions[partition]
	p.Segments = append(p.Segments, s)
	w.manifest.Written = time.Now().UTC()
	if err := w.manifest.write(w.dir, w.SignKey); err != nil {
		return err
	}
	w.done += uint64(len(commits))
	for i := range commits {
		if commits[i].Err != nil {
			w.skipped.skip(&commits[i], commits[i].Err)
		}
	}
	if w.Progress != nil {
		w.Progress(w.done, w.total)
	}
	return nil
}
