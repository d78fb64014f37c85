package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

const (
	// fetchWindow is how many messages one read requests, and holds, at a time.
	fetchWindow = 64
	firstWindow = 16      // before the size of the messages is known
	windowBytes = 4 << 20 // of the messages that one read is to hold, unless one alone is larger
)

// nextWindow returns how many messages to request after these.
func nextWindow(commits []core.Commit) int {
	bytes := 1
	for i := range commits {
		for _, e := range commits[i].Events {
			bytes += len(e.Data)
		}
	}
	return min(max(windowBytes/(bytes/len(commits)+1), 1), fetchWindow)
}

// Last implements [port.Reader] with a direct get, which any replica may answer.
func (l *Log) Last(ctx context.Context, s core.Stream) (core.Commit, error) {
	if err := s.Check(); err != nil {
		return core.Commit{}, err
	}
	return l.lastCommit(ctx, l.locate(s), l.getLast)
}

// LastConfirmed implements [port.Reader]: the partition's leader answers.
func (l *Log) LastConfirmed(ctx context.Context, s core.Stream) (core.Commit, error) {
	if err := s.Check(); err != nil {
		return core.Commit{}, err
	}
	return l.lastCommit(ctx, l.locate(s), l.getLastConfirmed)
}

func (l *Log) lastCommit(ctx context.Context, at location, get func(context.Context, location) (stored, error)) (core.Commit, error) {
	m, err := get(ctx, at)
	if err == nil && isNoise(m) {
		l.noiseSeen(at.partition)
		m, err = l.lastBeforeNoise(ctx, at, m.sequence)
	}
	if errors.Is(err, errNoMessage) {
		return core.Commit{}, fmt.Errorf("%w: %s", port.ErrNoStream, at.stream)
	}
	if err != nil {
		return core.Commit{}, unavailable("read "+at.stream.String(), err)
	}
	return l.decodeAt(at, m)
}

// Since implements [port.Reader]. It follows the back-pointers from last, and then reads forward, several commits at a
// time. Where the back-pointers do not lead to a contiguous history, because a foreign writer left them out, the messages
// of the subject are read instead, without those that are no commits. A missing version is an error: it is never folded.
func (l *Log) Since(ctx context.Context, after core.Version, last core.Commit) iter.Seq2[core.Commit, error] {
	return func(yield func(core.Commit, error) bool) {
		if last.Version <= after {
			return
		}
		r := &historyReader{
			log: l, location: l.locate(last.Stream), last: last, version: after,
			yield: func(c core.Commit) bool { return yield(c, nil) },
		}
		err := r.readByPointers(ctx)
		if errors.Is(err, core.ErrCorrupt) {
			l.config.Logger.WarnContext(ctx, "back-pointers do not lead to the history, reading the subject",
				"stream", last.Stream.String(), "error", err)
			err = r.readBySubject(ctx)
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(core.Commit{}, err)
		}
	}
}

// errStopped: the consumer of the sequence has stopped.
var errStopped = errors.New("stopped")

// historyReader is one read of a stream's history.
type historyReader struct {
	log *Log
	location
	last    core.Commit            // where the read ends
	version core.Version           // of the newest commit that was yielded
	known   map[uint64]core.Commit // by sequence: commits that were read for their back-pointers
	yield   func(core.Commit) bool
}

// yieldNext yields c if it is the next commit. A commit that was yielded before is skipped.
func (r *historyReader) yieldNext(c core.Commit) error {
	if c.Version <= r.version {
		return nil
	}
	if c.First() > r.version+1 {
		return fmt.Errorf("%w: %s: version %d at %s follows version %d", core.ErrCorrupt, c.Stream, c.First(), c.Position, r.version)
	}
	r.version = c.Version
	if !r.yield(c) {
		return errStopped
	}
	return nil
}

// readByPointers reads the commits that the back-pointers name, oldest first.
func (r *historyReader) readByPointers(ctx context.Context) error {
	sequences, err := r.collectPointers(ctx)
	if err != nil {
		return err
	}
	for window := firstWindow; len(sequences) > 0; {
		window = min(window, len(sequences))
		commits, err := r.fetchCommits(ctx, sequences[:window])
		if err != nil {
			return err
		}
		for _, c := range commits {
			if err := r.yieldNext(c); err != nil {
				return err
			}
		}
		sequences, window = sequences[window:], nextWindow(commits)
	}
	return r.yieldNext(r.last)
}

// collectPointers returns the sequences of the wanted commits before last, oldest first, and perhaps of a few before
// them. It reads only every 16th commit, so that a long history is never held in memory.
func (r *historyReader) collectPointers(ctx context.Context) ([]uint64, error) {
	var sequences []uint64
	for oldest := r.last; oldest.First() > r.version+1; {
		named := oldest.Previous
		missing := oldest.First() - 1 - r.version // events; each commit holds at least one
		if missing <= core.Version(len(named)) {
			sequences = append(sequences, named[:missing]...)
			break
		}
		sequences = append(sequences, named...)
		if len(named) < core.MaxPrevious { // it names all earlier commits; if not, yieldNext finds the gap
			break
		}
		earlier, err := r.fetchCommits(ctx, named[len(named)-1:])
		if err != nil {
			return nil, err
		}
		oldest = earlier[0]
		if r.known == nil {
			r.known = map[uint64]core.Commit{}
		}
		if len(r.known) < fetchWindow {
			r.known[oldest.Position.Sequence] = oldest
		}
	}
	slices.Reverse(sequences)
	return sequences, nil
}

// fetchCommits reads commits of the stream by their sequences, concurrently, except for those that are known.
func (r *historyReader) fetchCommits(ctx context.Context, sequences []uint64) ([]core.Commit, error) {
	commits := make([]core.Commit, 0, len(sequences))
	missing := sequences
	if len(r.known) > 0 {
		missing = slices.DeleteFunc(slices.Clone(sequences), func(s uint64) bool { _, known := r.known[s]; return known })
	}
	messages, err := r.log.getMany(ctx, r.partition, missing)
	if errors.Is(err, errNoMessage) {
		return nil, fmt.Errorf("%w: %s: a message is missing of those at %d-%d", core.ErrCorrupt, r.stream, r.partition, sequences)
	}
	if err != nil {
		return nil, unavailable("read "+r.stream.String(), err)
	}
	for _, sequence := range sequences {
		if c, known := r.known[sequence]; known {
			delete(r.known, sequence)
			commits = append(commits, c)
			continue
		}
		c, err := r.log.decodeAt(r.location, messages[0])
		if errors.Is(err, core.ErrNoise) {
			err = fmt.Errorf("%w: %s: a back-pointer names %w", core.ErrCorrupt, r.stream, err)
		}
		if err != nil {
			return nil, err
		}
		if c.Stream != r.stream {
			return nil, fmt.Errorf("%w: %s: the message at %s is of %s", core.ErrCorrupt, r.stream, c.Position, c.Stream)
		}
		commits, messages = append(commits, c), messages[1:]
	}
	return commits, nil
}

// readBySubject reads every message of the stream's subject up to last, one after the other: versions must be contiguous
// from the first on.
func (r *historyReader) readBySubject(ctx context.Context) error {
	version := core.Version(0)
	for sequence := uint64(0); sequence < r.last.Position.Sequence; {
		m, err := r.log.get(ctx, r.partition, getRequest{Sequence: sequence + 1, NextFor: r.subject})
		if errors.Is(err, errNoMessage) {
			return fmt.Errorf("%w: %s: no message follows %d-%d, though the last one is %s",
				core.ErrCorrupt, r.stream, r.partition, sequence, r.last.Position)
		}
		if err != nil {
			return unavailable("read "+r.stream.String(), err)
		}
		c, err := r.log.decodeAt(r.location, m)
		if errors.Is(err, core.ErrNoise) {
			r.log.noiseSeen(r.partition)
			sequence = m.sequence
			continue
		}
		if err != nil {
			return err
		}
		if c.First() != version+1 {
			return fmt.Errorf("%w: %s: version %d at %s follows version %d", core.ErrCorrupt, c.Stream, c.First(), c.Position, version)
		}
		if err := r.yieldNext(c); err != nil {
			return err
		}
		version, sequence = c.Version, c.Position.Sequence
	}
	return nil
}
