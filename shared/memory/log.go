package memory

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Log is an event log in memory.
type Log struct {
	created    time.Time
	partitions []*partition
	maxCommit  int
	restoring  *restoring
	restores   bool // this value is for the restore
}

var _ port.Restorable = (*Log)(nil)

// partition holds its commits in order; sequence n is at index n-1.
type partition struct {
	mu      sync.Mutex
	commits []core.Commit
	streams map[core.Stream][]int // indexes of a stream's commits
	grown   chan struct{}         // closed and replaced by every append
}

// LogOption changes a new log.
type LogOption func(*Log)

// MaxCommit sets the maximum size of a commit's events in bytes. The default is 1 MiB, as in NATS.
func MaxCommit(bytes int) LogOption { return func(l *Log) { l.maxCommit = bytes } }

// NewLog returns an empty log with a number of partitions.
func NewLog(partitions int, options ...LogOption) *Log {
	l := &Log{created: time.Now().UTC(), maxCommit: 1 << 20, restoring: &restoring{}}
	for _, option := range options {
		option(l)
	}
	for range partitions {
		l.partitions = append(l.partitions, &partition{streams: map[core.Stream][]int{}, grown: make(chan struct{})})
	}
	return l
}

func (l *Log) partitionOf(s core.Stream) (int, *partition) {
	i := core.PartitionOf(s.Tenant, s.ID, len(l.partitions))
	return i, l.partitions[i]
}

// Created implements [port.Reader].
func (l *Log) Created(core.Stream) time.Time { return l.created }

// Append implements [port.Appender].
func (l *Log) Append(ctx context.Context, expected core.Revision, c core.Commit) (core.Revision, error) {
	if err := ctx.Err(); err != nil {
		return core.Revision{}, fmt.Errorf("%w: %w", port.ErrUnavailable, err)
	}
	if err := c.Check(); err != nil {
		return core.Revision{}, err
	}
	if err := l.checkSize(&c); err != nil {
		return core.Revision{}, err
	}
	l.restoring.mu.RLock()
	defer l.restoring.mu.RUnlock()
	if l.restoring.backup != "" && !l.restores {
		return core.Revision{}, fmt.Errorf("append to %s: %w", c.Stream, port.ErrRestoring)
	}
	index, p := l.partitionOf(c.Stream)
	p.mu.Lock()
	defer p.mu.Unlock()
	if stored, ok := p.findRepeated(expected, c); ok {
		return stored.Revision(), nil
	}
	if last := p.last(c.Stream); last.Position.Sequence != expected.Position.Sequence {
		return core.Revision{}, &port.ConflictError{Stream: c.Stream, Expected: expected.Version, Actual: last.Version}
	}
	c.Version = expected.Version + core.Version(len(c.Events))
	c.Previous = expected.Next()
	c.Events = cloneEvents(c.Events) // the caller may change its own
	c.Position = core.Position{Partition: index, Sequence: uint64(len(p.commits)) + 1}
	p.streams[c.Stream] = append(p.streams[c.Stream], len(p.commits))
	p.commits = append(p.commits, c)
	close(p.grown)
	p.grown = make(chan struct{})
	return c.Revision(), nil
}

func (l *Log) checkSize(c *core.Commit) error {
	size := 0
	for _, e := range c.Events {
		size += len(e.Type) + len(e.Data)
	}
	if size > l.maxCommit {
		return fmt.Errorf("%w: %s: %d bytes exceed the limit of %d", port.ErrTooLarge, c.Stream, size, l.maxCommit)
	}
	return nil
}

// MaxCommit is the maximum size of a commit's events in bytes.
func (l *Log) MaxCommit() int { return l.maxCommit }

func cloneEvents(events []core.Recorded) []core.Recorded {
	events = slices.Clone(events)
	for i := range events {
		events[i].Data = slices.Clone(events[i].Data)
	}
	return events
}

// findRepeated returns the stored commit of a repeated append: it has the same command and follows the same revision.
func (p *partition) findRepeated(expected core.Revision, c core.Commit) (core.Commit, bool) {
	for _, i := range p.streams[c.Stream] {
		stored := p.commits[i]
		if stored.First() == expected.Version+1 {
			return stored, stored.Command == c.Command && stored.Time.Equal(c.Time)
		}
	}
	return core.Commit{}, false
}

// last is the newest commit of the stream, or the zero value.
func (p *partition) last(s core.Stream) core.Commit {
	indexes := p.streams[s]
	if len(indexes) == 0 {
		return core.Commit{}
	}
	return p.commits[indexes[len(indexes)-1]]
}

// Last implements [port.Reader].
func (l *Log) Last(ctx context.Context, s core.Stream) (core.Commit, error) {
	if err := ctx.Err(); err != nil {
		return core.Commit{}, fmt.Errorf("%w: %w", port.ErrUnavailable, err)
	}
	_, p := l.partitionOf(s)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.streams[s]) == 0 {
		return core.Commit{}, fmt.Errorf("%w: %s", port.ErrNoStream, s)
	}
	return p.last(s), nil
}

// LastConfirmed implements [port.Reader]. There are no replicas, so every read is confirmed.
func (l *Log) LastConfirmed(ctx context.Context, s core.Stream) (core.Commit, error) {
	return l.Last(ctx, s)
}

// Since implements [port.Reader].
func (l *Log) Since(ctx context.Context, after core.Version, last core.Commit) iter.Seq2[core.Commit, error] {
	return func(yield func(core.Commit, error) bool) {
		_, p := l.partitionOf(last.Stream)
		p.mu.Lock()
		var commits []core.Commit
		for _, i := range p.streams[last.Stream] {
			if c := p.commits[i]; c.Version > after && c.Version <= last.Version {
				commits = append(commits, c)
			}
		}
		p.mu.Unlock()
		for _, c := range commits {
			if err := ctx.Err(); err != nil {
				yield(core.Commit{}, fmt.Errorf("%w: %w", port.ErrUnavailable, err))
				return
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

// Partitions implements [port.Feed].
func (l *Log) Partitions() int { return len(l.partitions) }

func (l *Log) partition(i int) (*partition, error) {
	if i < 0 || i >= len(l.partitions) {
		return nil, fmt.Errorf("%w: partition %d, the log has 0 to %d", core.ErrBadPosition, i, len(l.partitions)-1)
	}
	return l.partitions[i], nil
}

// Head implements [port.Feed].
func (l *Log) Head(_ context.Context, index int) (port.Head, error) {
	p, err := l.partition(index)
	if err != nil {
		return port.Head{}, err
	}
	l.restoring.mu.RLock()
	defer l.restoring.mu.RUnlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	head := port.Head{
		Position: core.Position{Partition: index, Sequence: uint64(len(p.commits))}, Created: l.created, Restoring: l.restoring.backup != "",
	}
	if n := len(p.commits); n > 0 {
		head.Time = p.commits[n-1].Time
	}
	return head, nil
}

// Follow implements [port.Feed].
func (l *Log) Follow(ctx context.Context, after core.Position, maxBatch int, handle func(context.Context, port.Batch) error) error {
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

// batch returns the commits after a sequence and a channel that is closed by the next append.
func (p *partition) batch(after uint64, limit int) (port.Batch, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	head := uint64(len(p.commits))
	if after >= head {
		return port.Batch{}, p.grown
	}
	end := min(head, after+uint64(limit))
	return port.Batch{Commits: slices.Clone(p.commits[after:end]), Pending: head - end}, p.grown
}
