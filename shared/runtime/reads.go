package runtime

import (
	"context"
	"errors"
	"sort"
	"sync"
	"time"

	"orchestrix/shared/es"
)

const (
	windowBatches = 4        // a window holds so many batches
	windowBytes   = 16 << 20 // or so many bytes of events
	slowest       = time.Second
)

// errBehind says that a reader was too slow for those it read together with: it goes on by itself.
var errBehind = errors.New("fell behind the shared read")

// reads is how projections read one partition: those that stand near each other share one read of the log, and one
// that is far behind reads by itself until it has caught up.
type reads struct {
	registry  *es.Registry
	feed      es.Feed
	partition int
	batch     int
	together  *together
	undecoded func(context.Context, *entry) // is told of entries with events that can't be decoded
	running   sync.WaitGroup

	mu      sync.Mutex
	cursors []*cursor
}

// cursor is one read of the log. Its window holds what some of its readers have still to get.
type cursor struct {
	start   uint64 // the window holds what comes after this sequence
	window  []*entry
	bytes   int
	pending uint64    // how many commits the log held after the window when it was read last
	read    time.Time // when that was
	err     error     // why it has ended
	changed chan struct{}
	readers map[*reader]struct{}
	cancel  context.CancelFunc
}

// reader is a projection's place in a cursor.
type reader struct {
	place
	reads  *reads
	cursor *cursor
	at     uint64
	waits  bool // for something new
}

func newReads(registry *es.Registry, feed es.Feed, t *together, partition, batch int, undecoded func(context.Context, *entry)) *reads {
	return &reads{registry: registry, feed: feed, together: t, partition: partition, batch: batch, undecoded: undecoded}
}

// join reads on after a sequence, together with others where that is near.
func (r *reads) join(ctx context.Context, after uint64) *reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := &reader{place: place{together: r.together}, reads: r, at: after}
	c := r.near(after)
	if c == nil {
		c = r.open(ctx, after)
	}
	m.enter(c)
	return m
}

// near finds the cursor that is the furthest ahead of those that still have, or are about to have, what comes after
// the sequence.
func (r *reads) near(after uint64) (best *cursor) {
	for _, c := range r.cursors {
		if c.err == nil && c.start <= after && after <= c.end()+uint64(windowBatches*r.batch) && (best == nil || c.end() > best.end()) {
			best = c
		}
	}
	return best
}

func (c *cursor) end() uint64 {
	if n := len(c.window); n > 0 {
		return c.window[n-1].Position.Sequence
	}
	return c.start
}

func (r *reads) open(ctx context.Context, after uint64) *cursor {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // it outlives the one who opened it
	c := &cursor{start: after, changed: make(chan struct{}), readers: map[*reader]struct{}{}, cancel: cancel}
	r.cursors = append(r.cursors, c)
	r.running.Go(func() {
		err := r.feed.Follow(ctx, es.Position{Partition: r.partition, Sequence: after}, r.batch, func(ctx context.Context, b es.Batch) error {
			return r.add(ctx, c, b)
		})
		r.mu.Lock()
		defer r.mu.Unlock()
		if c.err = err; err == nil {
			c.err = es.ErrUnavailable
		}
		c.wake()
	})
	return c
}

func (c *cursor) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (m *reader) enter(c *cursor) {
	m.cursor = c
	c.readers[m] = struct{}{}
}

// leave ends a reader. The last one closes the cursor.
func (m *reader) leave() {
	m.dismiss()
	m.reads.mu.Lock()
	defer m.reads.mu.Unlock()
	m.exit()
}

func (m *reader) exit() {
	c := m.cursor
	delete(c.readers, m)
	c.wake()
	if len(c.readers) > 0 {
		return
	}
	c.cancel()
	for i, other := range m.reads.cursors {
		if other == c {
			m.reads.cursors = append(m.reads.cursors[:i], m.reads.cursors[i+1:]...)
			return
		}
	}
}

// add takes what was read into the window, as soon as there is room.
func (r *reads) add(ctx context.Context, c *cursor, b es.Batch) error {
	read := time.Now()
	entries := make([]*entry, len(b.Commits))
	size := 0
	for i, commit := range b.Commits {
		e := newEntry(r.registry, commit)
		if e.errs != nil {
			r.undecoded(ctx, &e)
		}
		entries[i] = &e
		size += e.size()
	}
	if err := r.makeRoom(ctx, c, len(entries), size); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c.window = append(c.window, entries...)
	c.bytes += size
	c.pending, c.read = b.Pending, read
	for m := range c.readers {
		if m.waits {
			m.expect()
		}
	}
	c.wake()
	return nil
}

func (e *entry) size() (bytes int) {
	for i := range e.Events {
		bytes += len(e.Events[i].Data)
	}
	return bytes
}

// makeRoom waits for the slowest reader, though not for long: one that waits for something else is left behind.
func (r *reads) makeRoom(ctx context.Context, c *cursor, commits, bytes int) error {
	patience := time.NewTimer(slowest)
	defer patience.Stop()
	leaveBehind := false
	for {
		r.mu.Lock()
		c.trim(leaveBehind)
		full := len(c.window) > 0 && (len(c.window)+commits > windowBatches*r.batch || c.bytes+bytes > windowBytes)
		changed := c.changed
		r.mu.Unlock()
		if !full {
			return nil
		}
		select {
		case <-changed:
		case <-patience.C:
			leaveBehind = true
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// trim drops what every reader has, or everything.
func (c *cursor) trim(everything bool) {
	n := len(c.window)
	if !everything {
		for m := range c.readers {
			n = min(n, c.after(m.at))
		}
	}
	for _, e := range c.window[:n] {
		c.bytes -= e.size()
		c.start = e.Position.Sequence
	}
	c.window = append([]*entry(nil), c.window[n:]...)
}

// after is the index of the first entry after a sequence.
func (c *cursor) after(sequence uint64) int {
	return sort.Search(len(c.window), func(i int) bool { return c.window[i].Position.Sequence > sequence })
}

// part is what a reader gets at once.
type part struct {
	entries []*entry
	pending uint64 // how many commits the partition held after these
	read    time.Time
}

// next returns what comes after a sequence, as soon as there is something.
func (m *reader) next(ctx context.Context, after uint64) (part, error) {
	m.reads.mu.Lock()
	defer m.reads.mu.Unlock()
	if m.at != after {
		m.at = after
		m.cursor.wake() // there may be room now
	}
	for {
		if best := m.reads.near(after); best != nil && best != m.cursor && best.end() > m.cursor.end() {
			m.exit()
			m.enter(best)
		}
		c := m.cursor
		switch i := c.after(after); {
		case c.start > after:
			return part{}, errBehind
		case i < len(c.window):
			n := min(len(c.window)-i, m.reads.batch)
			if n <= togetherMost {
				m.expect()
			} else {
				m.dismiss()
			}
			return part{entries: c.window[i : i+n : i+n], pending: c.pending + uint64(len(c.window)-i-n), read: c.read}, nil
		case c.err != nil:
			return part{}, c.err
		}
		changed := c.changed
		m.waits = true
		m.dismiss()
		m.reads.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		m.reads.mu.Lock()
		m.waits = false
		if ctx.Err() != nil {
			return part{}, context.Cause(ctx)
		}
	}
}
