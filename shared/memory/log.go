package memory

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"orchestrix/shared/es"
)

// Log is an event log in memory, with the semantics of the real one.
type Log struct {
	created    time.Time
	partitions []*partition
	maxCommit  int
}

var _ es.Log = (*Log)(nil)

// partition holds its commits in order; sequence n is at index n-1.
type partition struct {
	mu      sync.Mutex
	commits []es.Commit
	streams map[es.Stream][]int // indexes of a stream's commits
	grown   chan struct{}       // closed when commits are added
}

// LogOption changes a new log.
type LogOption func(*Log)

// MaxCommit sets how many bytes the events of a commit may have. Without it they may have 1 MiB, as in NATS.
func MaxCommit(bytes int) LogOption { return func(l *Log) { l.maxCommit = bytes } }

// NewLog returns an empty log of so many partitions.
func NewLog(partitions int, options ...LogOption) *Log {
	l := &Log{created: time.Now().UTC(), maxCommit: 1 << 20}
	for _, option := range options {
		option(l)
	}
	for range partitions {
		l.partitions = append(l.partitions, &partition{streams: map[es.Stream][]int{}, grown: make(chan struct{})})
	}
	return l
}

func (l *Log) of(s es.Stream) (int, *partition) {
	i := es.PartitionOf(s.Tenant, s.ID, len(l.partitions))
	return i, l.partitions[i]
}

// Created implements [es.Reader].
func (l *Log) Created(es.Stream) time.Time { return l.created }

// Append implements [es.Appender].
func (l *Log) Append(ctx context.Context, expected es.Revision, c es.Commit) (es.Revision, error) {
	if err := ctx.Err(); err != nil {
		return es.Revision{}, fmt.Errorf("%w: %w", es.ErrUnavailable, err)
	}
	if err := c.Check(); err != nil {
		return es.Revision{}, err
	}
	if err := l.checkSize(&c); err != nil {
		return es.Revision{}, err
	}
	index, p := l.of(c.Stream)
	p.mu.Lock()
	defer p.mu.Unlock()
	if landed, ok := p.landed(expected, c); ok {
		return landed.Revision(), nil
	}
	if last := p.last(c.Stream); last.Position.Sequence != expected.Position.Sequence {
		return es.Revision{}, &es.ConflictError{Stream: c.Stream, Expected: expected.Version, Actual: last.Version}
	}
	c.Version = expected.Version + es.Version(len(c.Events))
	c.Previous = expected.Next()
	c.Events = cloned(c.Events) // the caller may go on to change its own
	c.Position = es.Position{Partition: index, Sequence: uint64(len(p.commits)) + 1}
	p.streams[c.Stream] = append(p.streams[c.Stream], len(p.commits))
	p.commits = append(p.commits, c)
	close(p.grown)
	p.grown = make(chan struct{})
	return c.Revision(), nil
}

func (l *Log) checkSize(c *es.Commit) error {
	size := 0
	for _, e := range c.Events {
		size += len(e.Type) + len(e.Data)
	}
	if size > l.maxCommit {
		return fmt.Errorf("%w: %s: %d bytes, the log takes %d", es.ErrTooLarge, c.Stream, size, l.maxCommit)
	}
	return nil
}

// MaxCommit is how many bytes the events of a commit may have.
func (l *Log) MaxCommit() int { return l.maxCommit }

func cloned(events []es.Recorded) []es.Recorded {
	events = slices.Clone(events)
	for i := range events {
		events[i].Data = slices.Clone(events[i].Data)
	}
	return events
}

// landed finds the commit that is tried again: that of the same decision, right after the same revision.
func (p *partition) landed(expected es.Revision, c es.Commit) (es.Commit, bool) {
	for _, i := range p.streams[c.Stream] {
		there := p.commits[i]
		if there.First() == expected.Version+1 {
			return there, there.Command == c.Command && there.Time.Equal(c.Time)
		}
	}
	return es.Commit{}, false
}

// last is the newest commit of the stream, or a zero one.
func (p *partition) last(s es.Stream) es.Commit {
	indexes := p.streams[s]
	if len(indexes) == 0 {
		return es.Commit{}
	}
	return p.commits[indexes[len(indexes)-1]]
}

// Last implements [es.Reader].
func (l *Log) Last(ctx context.Context, s es.Stream) (es.Commit, error) {
	if err := ctx.Err(); err != nil {
		return es.Commit{}, fmt.Errorf("%w: %w", es.ErrUnavailable, err)
	}
	_, p := l.of(s)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.streams[s]) == 0 {
		return es.Commit{}, fmt.Errorf("%w: %s", es.ErrNoStream, s)
	}
	return p.last(s), nil
}

// LastConfirmed implements [es.Reader]; memory has no replicas.
func (l *Log) LastConfirmed(ctx context.Context, s es.Stream) (es.Commit, error) {
	return l.Last(ctx, s)
}

// Since implements [es.Reader].
func (l *Log) Since(ctx context.Context, after es.Version, last es.Commit) iter.Seq2[es.Commit, error] {
	return func(yield func(es.Commit, error) bool) {
		_, p := l.of(last.Stream)
		p.mu.Lock()
		var commits []es.Commit
		for _, i := range p.streams[last.Stream] {
			if c := p.commits[i]; c.Version > after && c.Version <= last.Version {
				commits = append(commits, c)
			}
		}
		p.mu.Unlock()
		for _, c := range commits {
			if err := ctx.Err(); err != nil {
				yield(es.Commit{}, fmt.Errorf("%w: %w", es.ErrUnavailable, err))
				return
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

// Partitions implements [es.Feed].
func (l *Log) Partitions() int { return len(l.partitions) }

func (l *Log) partition(i int) (*partition, error) {
	if i < 0 || i >= len(l.partitions) {
		return nil, fmt.Errorf("%w: partition %d, the log has 0 to %d", es.ErrBadPosition, i, len(l.partitions)-1)
	}
	return l.partitions[i], nil
}

// Head implements [es.Feed].
func (l *Log) Head(_ context.Context, index int) (es.Head, error) {
	p, err := l.partition(index)
	if err != nil {
		return es.Head{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	head := es.Head{Position: es.Position{Partition: index, Sequence: uint64(len(p.commits))}, Created: l.created}
	if n := len(p.commits); n > 0 {
		head.Time = p.commits[n-1].Time
	}
	return head, nil
}

// Follow implements [es.Feed].
func (l *Log) Follow(ctx context.Context, after es.Position, maxBatch int, handle func(context.Context, es.Batch) error) error {
	p, err := l.partition(after.Partition)
	if err != nil {
		return err
	}
	next := after.Sequence
	for ctx.Err() == nil {
		batch, grown := p.batch(next, max(maxBatch, 1))
		if len(batch.Commits) == 0 {
			select {
			case <-grown:
			case <-ctx.Done():
			}
			continue
		}
		if err := handle(ctx, batch); err != nil {
			return err
		}
		next += uint64(len(batch.Commits))
	}
	return nil
}

// batch is what comes after a sequence, and a channel that is closed when there is more.
func (p *partition) batch(after uint64, limit int) (es.Batch, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	there := uint64(len(p.commits))
	if after >= there {
		return es.Batch{}, p.grown
	}
	end := min(there, after+uint64(limit))
	return es.Batch{Commits: slices.Clone(p.commits[after:end]), Pending: there - end}, p.grown
}
