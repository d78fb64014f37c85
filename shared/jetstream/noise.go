package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// A message without a version in its headers is no commit: it is noise. Any client that may append can write noise, and a
// server that answers a request can be made to. Reads and followers pass over it, and an append expects it as the end of its
// subject.

func isNoise(m stored) bool { return m.header.Get(headerVersion) == "" }

func noiseError(partition int, m stored) error {
	return fmt.Errorf("%d-%d: %w: a message on %q without the header %s", partition, m.sequence, core.ErrNoise, m.subject, headerVersion)
}

// noiseRange is a range of sequences in which a subject holds only noise: those above after, up to last. A range that was
// scanned whole begins after the newest commit of the subject, or at 0.
type noiseRange struct{ after, last uint64 }

// maxNoisy is how many subjects are remembered that end with noise. The memory saves scans; it is not needed otherwise.
const maxNoisy = 1024

// noisySubjects are the subjects that end with noise, as far as is known.
type noisySubjects struct {
	count  atomic.Int64 // of ranges; read without the lock by every append
	mu     sync.Mutex
	ranges map[string]noiseRange
}

func (n *noisySubjects) of(subject string) noiseRange {
	if n.count.Load() == 0 {
		return noiseRange{}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ranges[subject]
}

func (n *noisySubjects) set(subject string, r noiseRange) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ranges == nil {
		n.ranges = map[string]noiseRange{}
	}
	for other := range n.ranges {
		if len(n.ranges) < maxNoisy {
			break
		}
		delete(n.ranges, other)
	}
	n.ranges[subject] = r
	n.count.Store(int64(len(n.ranges)))
}

func (n *noisySubjects) forget(subject string) {
	if n.count.Load() == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.ranges, subject)
	n.count.Store(int64(len(n.ranges)))
}

// Limits of a scan for the newest commit before noise.
const (
	firstScan = 1 << 10 // sequences of the first window; each next one is 4 times as long, down from the end
	lastScan  = 1 << 18 // of the longest window
	scanReads = 32      // concurrent reads of one scan
)

// lastBeforeNoise reads the newest commit of a subject whose last message, at sequence end, is noise. It returns errNoMessage
// if there is none. What it has passed is remembered, also if ctx ends before the commit is found: the next call continues
// there. Messages up to end do not change, so that any replica may answer.
func (l *Log) lastBeforeNoise(ctx context.Context, at location, end uint64) (stored, error) {
	known := l.noisy.of(at.subject)
	switch {
	case known.last == 0:
		known = noiseRange{after: end, last: end}
	case end > known.last:
		m, err := l.scanBack(ctx, at, known.last, end, func(uint64) {})
		if err == nil {
			l.noisy.set(at.subject, noiseRange{after: m.sequence, last: end})
		}
		if !errors.Is(err, errNoMessage) {
			return m, err
		}
		known.last = end
		l.noisy.set(at.subject, known)
	}
	extend := func(after uint64) { l.noisy.set(at.subject, noiseRange{after: after, last: known.last}) }
	if end < known.after { // a replica that lags answers for an earlier end of the subject
		known.after, extend = end, func(uint64) {}
	}
	m, err := l.scanBack(ctx, at, 0, known.after, extend)
	if err == nil {
		extend(m.sequence)
	}
	return m, err
}

// scanBack reads the newest commit of a subject among the sequences above low, up to high. It reports each sequence above
// which it has found none.
func (l *Log) scanBack(ctx context.Context, at location, low, high uint64, passed func(uint64)) (stored, error) {
	for width := uint64(firstScan); high > low; width = min(4*width, lastScan) {
		start := high - min(width, high-low)
		m, err := l.newestCommit(ctx, at, start, high)
		if !errors.Is(err, errNoMessage) {
			return m, err
		}
		high = start
		passed(high)
	}
	return stored{}, errNoMessage
}

// newestCommit reads the messages of a subject among the sequences above low, up to high, in parts that are read concurrently.
func (l *Log) newestCommit(ctx context.Context, at location, low, high uint64) (stored, error) {
	part := max(64, (high-low+scanReads-1)/scanReads)
	newest := make([]stored, (high-low+part-1)/part)
	reads, ctx := errgroup.WithContext(ctx)
	for i := range newest {
		reads.Go(func() (err error) {
			after := low + uint64(i)*part
			newest[i], err = l.newestIn(ctx, at, after, min(after+part, high))
			return err
		})
	}
	if err := reads.Wait(); err != nil {
		return stored{}, unavailable("read "+at.stream.String()+" before a message that is no commit", err)
	}
	for i := len(newest) - 1; i >= 0; i-- {
		if newest[i].sequence != 0 {
			return newest[i], nil
		}
	}
	return stored{}, errNoMessage
}

// newestIn reads one part, message by message. It returns the zero value if the part holds no commit.
func (l *Log) newestIn(ctx context.Context, at location, low, high uint64) (newest stored, err error) {
	for sequence := low; sequence < high; {
		if err := l.gets.Acquire(ctx, 1); err != nil {
			return newest, err
		}
		m, err := l.get(ctx, at.partition, getRequest{Sequence: sequence + 1, NextFor: at.subject})
		l.gets.Release(1)
		switch {
		case errors.Is(err, errNoMessage):
			return newest, nil
		case err != nil:
			return newest, err
		case m.sequence > high:
			return newest, nil
		case !isNoise(m):
			newest = m
		}
		sequence = m.sequence
	}
	return newest, nil
}

// noiseSeen counts a message that a read has passed over.
func (l *Log) noiseSeen(partition int) { l.config.Observer.Noise(strconv.Itoa(partition)) }
