package follower

import (
	"context"
	"errors"
	"sort"
	"sync"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

const (
	windowBatches = 4        // limit of a window in batches
	windowBytes   = 16 << 20 // limit of a window in bytes of events
	slowestReader = time.Second
)

// errBehind: a subscriber was too slow for its shared read and has to subscribe again.
var errBehind = errors.New("fell behind the shared read")

// sharedReader reads one partition for several subscribers. Subscribers that are close to each other share one read of the
// log. One that is far behind has a read of its own until it has caught up with another.
type sharedReader struct {
	registry    *core.Registry
	feed        port.Feed
	partition   int
	batch       int
	undecodable func(context.Context, *DecodedCommit)
	running     sync.WaitGroup

	mu    sync.Mutex
	reads []*logRead
}

// logRead is one read of the log. Its window holds the commits that some of its subscribers have not taken yet. It is guarded
// by the mutex of the sharedReader.
type logRead struct {
	start       uint64 // the window begins after this sequence
	window      []*DecodedCommit
	bytes       int
	pending     uint64    // number of commits after the window when the log was read last
	readAt      time.Time // when that was
	err         error     // why the read has ended
	changed     chan struct{}
	subscribers map[*subscriber]struct{}
	cancel      context.CancelFunc
}

// subscriber takes the commits of one partition in order.
type subscriber struct {
	reader   *sharedReader
	listener BatchListener
	read     *logRead
	position uint64 // sequence of the last commit that it has handled
	waiting  bool   // for new commits
}

func newSharedReader(registry *core.Registry, feed port.Feed, partition, batch int, undecodable func(context.Context, *DecodedCommit)) *sharedReader {
	return &sharedReader{registry: registry, feed: feed, partition: partition, batch: batch, undecodable: undecodable}
}

// subscribe starts reading after a sequence, by a read that is close to it if there is one.
func (r *sharedReader) subscribe(ctx context.Context, after uint64, listener BatchListener) *subscriber {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &subscriber{reader: r, listener: listener, position: after}
	read := r.closestRead(after)
	if read == nil {
		read = r.startRead(ctx, after)
	}
	s.attach(read)
	return s
}

// closestRead returns the most advanced of the reads that have what comes after the sequence, or are about to have it.
func (r *sharedReader) closestRead(after uint64) (closest *logRead) {
	for _, l := range r.reads {
		if l.err == nil && l.start <= after && after <= l.end()+uint64(windowBatches*r.batch) && (closest == nil || l.end() > closest.end()) {
			closest = l
		}
	}
	return closest
}

func (l *logRead) end() uint64 {
	if n := len(l.window); n > 0 {
		return l.window[n-1].Position.Sequence
	}
	return l.start
}

func (r *sharedReader) startRead(ctx context.Context, after uint64) *logRead {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // it ends with its last subscriber, not with the first
	l := &logRead{start: after, changed: make(chan struct{}), subscribers: map[*subscriber]struct{}{}, cancel: cancel}
	r.reads = append(r.reads, l)
	r.running.Go(func() {
		err := r.feed.Follow(ctx, core.Position{Partition: r.partition, Sequence: after}, r.batch, func(ctx context.Context, b port.Batch) error {
			return r.extend(ctx, l, b)
		})
		r.mu.Lock()
		defer r.mu.Unlock()
		if l.err = err; err == nil {
			l.err = port.ErrUnavailable
		}
		l.wake()
	})
	return l
}

// wake wakes everything that waits for a change of the read.
func (l *logRead) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (s *subscriber) attach(l *logRead) {
	s.read = l
	l.subscribers[s] = struct{}{}
}

// close ends the subscription. The last subscriber of a read ends the read.
func (s *subscriber) close() {
	s.listener.ExpectNoBatch()
	s.reader.mu.Lock()
	defer s.reader.mu.Unlock()
	s.detach()
}

func (s *subscriber) detach() {
	l := s.read
	delete(l.subscribers, s)
	l.wake()
	if len(l.subscribers) > 0 {
		return
	}
	l.cancel()
	for i, other := range s.reader.reads {
		if other == l {
			s.reader.reads = append(s.reader.reads[:i], s.reader.reads[i+1:]...)
			return
		}
	}
}

// extend decodes a batch and appends it to the window, as soon as there is room.
func (r *sharedReader) extend(ctx context.Context, l *logRead, b port.Batch) error {
	readAt := time.Now()
	commits := make([]*DecodedCommit, len(b.Commits))
	size := 0
	for i, commit := range b.Commits {
		c := DecodeCommit(r.registry, commit)
		if c.Errs != nil {
			r.undecodable(ctx, &c)
		}
		commits[i] = &c
		size += c.size()
	}
	if err := r.makeRoom(ctx, l, len(commits), size); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l.window = append(l.window, commits...)
	l.bytes += size
	l.pending, l.readAt = b.Pending, readAt
	for s := range l.subscribers {
		if s.waiting {
			s.listener.ExpectBatch(0)
		}
	}
	l.wake()
	return nil
}

// makeRoom waits for the slowest subscriber. After a second it leaves those behind that are busy with something else.
func (r *sharedReader) makeRoom(ctx context.Context, l *logRead, commits, bytes int) error {
	timeout := time.NewTimer(slowestReader)
	defer timeout.Stop()
	leaveBehind := false
	for {
		r.mu.Lock()
		l.trim(leaveBehind)
		full := len(l.window) > 0 && (len(l.window)+commits > windowBatches*r.batch || l.bytes+bytes > windowBytes)
		changed := l.changed
		r.mu.Unlock()
		if !full {
			return nil
		}
		select {
		case <-changed:
		case <-timeout.C:
			leaveBehind = true
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// trim drops the commits that every subscriber has handled, or all commits.
func (l *logRead) trim(all bool) {
	n := len(l.window)
	if !all {
		for s := range l.subscribers {
			n = min(n, l.indexAfter(s.position))
		}
	}
	for _, c := range l.window[:n] {
		l.bytes -= c.size()
		l.start = c.Position.Sequence
	}
	l.window = append([]*DecodedCommit(nil), l.window[n:]...)
}

// indexAfter returns the index of the first commit after a sequence.
func (l *logRead) indexAfter(sequence uint64) int {
	return sort.Search(len(l.window), func(i int) bool { return l.window[i].Position.Sequence > sequence })
}

// next waits for commits after a sequence, the last that the subscriber has handled. It returns errBehind, the error of the
// read, or the cause that ended ctx.
func (s *subscriber) next(ctx context.Context, after uint64) (CommitBatch, error) {
	r := s.reader
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.position != after {
		s.position = after
		s.read.wake() // its window may have room now
	}
	for {
		if closest := r.closestRead(after); closest != nil && closest != s.read && closest.end() > s.read.end() {
			s.detach()
			s.attach(closest)
		}
		l := s.read
		switch i := l.indexAfter(after); {
		case l.start > after:
			return CommitBatch{}, errBehind
		case i < len(l.window):
			n := min(len(l.window)-i, r.batch)
			s.listener.ExpectBatch(n)
			return CommitBatch{Commits: l.window[i : i+n : i+n], Pending: l.pending + uint64(len(l.window)-i-n), ReadAt: l.readAt}, nil
		case l.err != nil:
			return CommitBatch{}, l.err
		}
		if err := s.wait(ctx, l); err != nil {
			return CommitBatch{}, err
		}
	}
}

// wait releases the mutex until the read has changed.
func (s *subscriber) wait(ctx context.Context, l *logRead) error {
	changed := l.changed
	s.waiting = true
	s.listener.ExpectNoBatch()
	s.reader.mu.Unlock()
	select {
	case <-changed:
	case <-ctx.Done():
	}
	s.reader.mu.Lock()
	s.waiting = false
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
