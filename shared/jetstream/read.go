package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"orchestrix/shared/es"
)

// fetchWindow is how many messages one read asks for, and holds, at the same time.
const fetchWindow = 64

// Last implements [es.Reader]: a direct get, which any replica may answer.
func (l *Log) Last(ctx context.Context, s es.Stream) (es.Commit, error) {
	return l.lastBy(ctx, s, l.getLast)
}

// LastConfirmed implements [es.Reader]: the stream's leader answers.
func (l *Log) LastConfirmed(ctx context.Context, s es.Stream) (es.Commit, error) {
	return l.lastBy(ctx, s, func(ctx context.Context, partition int, subject string) (stored, error) {
		return l.getFromLeader(ctx, partition, leaderRequest{LastFor: subject})
	})
}

func (l *Log) lastBy(ctx context.Context, s es.Stream, get func(context.Context, int, string) (stored, error)) (es.Commit, error) {
	if err := s.Check(); err != nil {
		return es.Commit{}, err
	}
	partition := l.partitionOf(s)
	m, err := get(ctx, partition, l.subjectOf(s))
	if errors.Is(err, errNoMessage) {
		return es.Commit{}, fmt.Errorf("%w: %s", es.ErrNoStream, s)
	}
	if err != nil {
		return es.Commit{}, unavailable("read "+s.String(), err)
	}
	return l.decode(partition, m)
}

// Since implements [es.Reader]: it follows the back-pointers from last, and then reads forward, several at a
// time. Where they don't lead to a contiguous history, because a foreign writer left them out, the subject is
// read instead. A hole is an error: it is never folded.
func (l *Log) Since(ctx context.Context, after es.Version, last es.Commit) iter.Seq2[es.Commit, error] {
	return func(yield func(es.Commit, error) bool) {
		if last.Version <= after {
			return
		}
		r := &reading{log: l, last: last, version: after, yield: func(c es.Commit) bool { return yield(c, nil) }}
		err := r.byPointers(ctx)
		if errors.Is(err, es.ErrCorrupt) {
			l.config.Logger.WarnContext(ctx, "back-pointers do not lead to the history, reading the subject",
				"stream", last.Stream.String(), "error", err)
			err = r.bySubject(ctx)
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(es.Commit{}, err)
		}
	}
}

// errStopped says that the reader wants no more.
var errStopped = errors.New("stopped")

// reading is one read of a stream's history.
type reading struct {
	log     *Log
	last    es.Commit            // where it ends
	version es.Version           // up to which the reader has everything
	known   map[uint64]es.Commit // by sequence: some that were read to find the others
	yield   func(es.Commit) bool
}

// next hands c to the reader if it is what follows. What the reader has already is passed over.
func (r *reading) next(c es.Commit) error {
	if c.Version <= r.version {
		return nil
	}
	if c.First() > r.version+1 {
		return fmt.Errorf("%w: %s: version %d at %s follows version %d", es.ErrCorrupt, c.Stream, c.First(), c.Position, r.version)
	}
	r.version = c.Version
	if !r.yield(c) {
		return errStopped
	}
	return nil
}

// byPointers reads the commits that the back-pointers name, oldest first.
func (r *reading) byPointers(ctx context.Context) error {
	sequences, err := r.trail(ctx)
	if err != nil {
		return err
	}
	for window := range slices.Chunk(sequences, fetchWindow) {
		commits, err := r.fetch(ctx, window)
		if err != nil {
			return err
		}
		for _, c := range commits {
			if err := r.next(c); err != nil {
				return err
			}
		}
	}
	return r.next(r.last)
}

// trail is where the wanted commits before last stand, oldest first, and perhaps a few before them. Only every
// 16th is read for it, so that a long history is never held in memory.
func (r *reading) trail(ctx context.Context) ([]uint64, error) {
	var sequences []uint64
	for oldest := r.last; oldest.First() > r.version+1; {
		named := oldest.Previous
		missing := oldest.First() - 1 - r.version // events; each commit holds at least one
		if missing <= es.Version(len(named)) {
			sequences = append(sequences, named[:missing]...)
			break
		}
		sequences = append(sequences, named...)
		if len(named) < es.MaxPrevious { // it names all there are, and next finds out if that is not true
			break
		}
		earlier, err := r.fetch(ctx, named[len(named)-1:])
		if err != nil {
			return nil, err
		}
		oldest = earlier[0]
		if r.known == nil {
			r.known = map[uint64]es.Commit{}
		}
		if len(r.known) < fetchWindow {
			r.known[oldest.Position.Sequence] = oldest
		}
	}
	slices.Reverse(sequences)
	return sequences, nil
}

// fetch reads commits of the stream by their sequences, at the same time, but for those that are known.
func (r *reading) fetch(ctx context.Context, sequences []uint64) ([]es.Commit, error) {
	commits := make([]es.Commit, 0, len(sequences))
	partition := r.last.Position.Partition
	missing := sequences
	if len(r.known) > 0 {
		missing = slices.DeleteFunc(slices.Clone(sequences), func(s uint64) bool { _, known := r.known[s]; return known })
	}
	messages, err := r.log.getMany(ctx, partition, missing)
	if errors.Is(err, errNoMessage) {
		return nil, fmt.Errorf("%w: %s: a message is missing of those at %d-%d", es.ErrCorrupt, r.last.Stream, partition, sequences)
	}
	if err != nil {
		return nil, unavailable("read "+r.last.Stream.String(), err)
	}
	for _, sequence := range sequences {
		if c, known := r.known[sequence]; known {
			delete(r.known, sequence)
			commits = append(commits, c)
			continue
		}
		c, err := r.log.decode(partition, messages[0])
		if err != nil {
			return nil, err
		}
		if c.Stream != r.last.Stream {
			return nil, fmt.Errorf("%w: %s: the message at %s is of %s", es.ErrCorrupt, r.last.Stream, c.Position, c.Stream)
		}
		commits, messages = append(commits, c), messages[1:]
	}
	return commits, nil
}

// bySubject reads every message of the stream's subject up to last, one after the other: versions must follow
// each other from the first on.
func (r *reading) bySubject(ctx context.Context) error {
	partition, subject := r.last.Position.Partition, r.log.subjectOf(r.last.Stream)
	version := es.Version(0)
	for sequence := uint64(0); sequence < r.last.Position.Sequence; {
		m, err := r.log.get(ctx, partition, leaderRequest{Sequence: sequence + 1, NextFor: subject})
		if errors.Is(err, errNoMessage) {
			return fmt.Errorf("%w: %s: no message follows %d-%d, though the last one is %s",
				es.ErrCorrupt, r.last.Stream, partition, sequence, r.last.Position)
		}
		if err != nil {
			return unavailable("read "+r.last.Stream.String(), err)
		}
		c, err := r.log.decode(partition, m)
		if err != nil {
			return err
		}
		if c.First() != version+1 {
			return fmt.Errorf("%w: %s: version %d at %s follows version %d", es.ErrCorrupt, c.Stream, c.First(), c.Position, version)
		}
		if err := r.next(c); err != nil {
			return err
		}
		version, sequence = c.Version, c.Position.Sequence
	}
	return nil
}
