package command

import (
	"context"
	"fmt"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

// cache holds the aggregates in use and the most recently used ones that have events. It gives each aggregate to one command at a time, in
// order of arrival.
type cache struct {
	maxWaiting int
	maxBytes   int
	onEvict    func(*slot)

	mu      sync.Mutex
	active  map[core.Stream]*slot              // in use; bounded by the commands in flight
	idle    *simplelru.LRU[core.Stream, *slot] // bounded in number and in bytes
	bytes   int                                // of the idle ones
	evicted []*slot                            // while mu was held
	tokens  []chan struct{}                    // spare turn channels, for reuse
}

// slot is one aggregate in the cache. All fields but users belong to the holder of turn.
type slot struct {
	State
	turn   chan struct{} // holds one token while no command works on the aggregate; nil while the slot is idle
	users  int           // commands that hold the slot or wait for it; guarded by cache.mu
	loaded bool          // State holds the stream up to some version
	stale  bool          // another writer may have changed the stream since
	// unconfirmed: State comes from a snapshot, and no append has confirmed yet that it is current.
	unconfirmed bool
	idleBytes   int // as counted while the slot is idle
}

// current reports whether the state can be used without a load.
func (s *slot) current() bool { return s.loaded && !s.stale }

func newCache(size, maxBytes, maxWaiting int, onEvict func(*slot)) (*cache, error) {
	c := &cache{maxWaiting: maxWaiting, maxBytes: maxBytes, onEvict: onEvict, active: map[core.Stream]*slot{}}
	idle, err := simplelru.NewLRU(size, func(_ core.Stream, s *slot) {
		c.bytes -= s.idleBytes
		if s.users == 0 {
			c.evicted = append(c.evicted, s)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("cache of %d aggregates: %w", size, err)
	}
	c.idle = idle
	return c, nil
}

// acquire waits for the aggregate's slot. It returns [runtime.ErrOverloaded] if too many commands wait for it already, and an error
// that wraps ctx's if ctx ends first. The caller must release the slot.
func (c *cache) acquire(ctx context.Context, stream core.Stream) (*slot, error) {
	s, err := c.enqueue(stream)
	if err != nil {
		return nil, err
	}
	select {
	case <-s.turn:
		return s, nil
	case <-ctx.Done():
		c.dequeue(s)
		return nil, fmt.Errorf("%w: waiting for %s: %w", port.ErrUnavailable, stream, ctx.Err())
	}
}

func (c *cache) enqueue(stream core.Stream) (*slot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.active[stream]
	switch {
	case ok && s.users > c.maxWaiting:
		return nil, fmt.Errorf("%w: %d commands wait for %s", runtime.ErrOverloaded, s.users-1, stream)
	case ok:
	default:
		if s, ok = c.idle.Peek(stream); ok {
			s.users++ // so that the removal does not count as an eviction
			c.idle.Remove(stream)
			s.users--
		} else {
			s = &slot{State: State{stream: stream}}
		}
		s.turn = c.newTurn()
		c.active[stream] = s
	}
	s.users++
	return s, nil
}

func (c *cache) newTurn() chan struct{} {
	if last := len(c.tokens) - 1; last >= 0 {
		turn := c.tokens[last]
		c.tokens = c.tokens[:last]
		return turn
	}
	turn := make(chan struct{}, 1)
	turn <- struct{}{}
	return turn
}

// release gives the aggregate to the next command in the queue.
func (c *cache) release(s *slot) {
	s.turn <- struct{}{}
	c.dequeue(s)
}

func (c *cache) dequeue(s *slot) {
	c.mu.Lock()
	s.users--
	if s.users == 0 {
		delete(c.active, s.stream)
		c.tokens = append(c.tokens, s.turn)
		s.turn = nil
		if s.loaded && s.Revision.Version > 0 { // the id of an empty aggregate may be a client's invention
			s.idleBytes = s.bytes()
			c.bytes += s.idleBytes
			c.idle.Add(s.stream, s)
			for c.bytes > c.maxBytes {
				c.idle.RemoveOldest()
			}
		}
	}
	evicted := c.evicted
	c.evicted = nil
	c.mu.Unlock()
	for _, s := range evicted {
		c.onEvict(s)
	}
}

// drain empties the cache of idle aggregates and returns them.
func (c *cache) drain() []*slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle.Purge()
	evicted := c.evicted
	c.evicted = nil
	return evicted
}

// size returns the number of aggregates in memory.
func (c *cache) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.active) + c.idle.Len()
}
