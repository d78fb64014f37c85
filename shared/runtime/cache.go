package runtime

import (
	"context"
	"fmt"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"orchestrix/shared/es"
)

// cache keeps the aggregates that are in use and the ones used last, and gives each to one command at a
// time, in the order of their coming.
type cache struct {
	maxWaiting int
	evicted    func(*cached)

	mu     sync.Mutex
	active map[es.Stream]*cached              // in use; not bounded here, but by what is in flight
	idle   *simplelru.LRU[es.Stream, *cached] // bounded
	leave  []*cached                          // evicted while mu was held
	turns  []chan struct{}                    // of aggregates that are idle now
}

// cached is one aggregate in the cache. All but users belongs to whoever holds turn.
type cached struct {
	folded
	turn   chan struct{} // holds one token while nobody works on the aggregate; nil while it is idle
	users  int           // holding or waiting; guarded by cache.mu
	loaded bool          // folded holds the stream as it was at some moment
	stale  bool          // others may have written since
	// remembered says that folded is a snapshot, which nothing has confirmed so far.
	remembered bool
}

func newCache(size, maxWaiting int, evicted func(*cached)) (*cache, error) {
	c := &cache{maxWaiting: maxWaiting, evicted: evicted, active: map[es.Stream]*cached{}}
	idle, err := simplelru.NewLRU(size, func(_ es.Stream, entry *cached) {
		if entry.users == 0 {
			c.leave = append(c.leave, entry)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("cache of %d aggregates: %w", size, err)
	}
	c.idle = idle
	return c, nil
}

// acquire waits until the aggregate is free and takes it. It returns [ErrOverloaded] where too many wait
// already, and ctx's error where that ends first. What it returns must be given to release.
func (c *cache) acquire(ctx context.Context, s es.Stream) (*cached, error) {
	entry, err := c.join(s)
	if err != nil {
		return nil, err
	}
	select {
	case <-entry.turn:
		return entry, nil
	case <-ctx.Done():
		c.leaveQueue(entry)
		return nil, fmt.Errorf("%w: waiting for %s: %w", es.ErrUnavailable, s, ctx.Err())
	}
}

func (c *cache) join(s es.Stream) (*cached, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.active[s]
	switch {
	case ok && entry.users > c.maxWaiting:
		return nil, fmt.Errorf("%w: %d commands wait for %s", ErrOverloaded, entry.users-1, s)
	case ok:
	default:
		if entry, ok = c.idle.Peek(s); ok {
			entry.users++ // so that the removal is not taken for an eviction
			c.idle.Remove(s)
			entry.users--
		} else {
			entry = &cached{folded: folded{stream: s}}
		}
		entry.turn = c.takeTurn()
		c.active[s] = entry
	}
	entry.users++
	return entry, nil
}

func (c *cache) takeTurn() chan struct{} {
	if last := len(c.turns) - 1; last >= 0 {
		turn := c.turns[last]
		c.turns = c.turns[:last]
		return turn
	}
	turn := make(chan struct{}, 1)
	turn <- struct{}{}
	return turn
}

// release gives the aggregate to the next in line.
func (c *cache) release(entry *cached) {
	entry.turn <- struct{}{}
	c.leaveQueue(entry)
}

func (c *cache) leaveQueue(entry *cached) {
	c.mu.Lock()
	entry.users--
	if entry.users == 0 {
		delete(c.active, entry.stream)
		c.turns = append(c.turns, entry.turn)
		entry.turn = nil
		if entry.loaded {
			c.idle.Add(entry.stream, entry)
		}
	}
	gone := c.leave
	c.leave = nil
	c.mu.Unlock()
	for _, e := range gone {
		c.evicted(e)
	}
}

// drain empties the cache of idle aggregates and returns them.
func (c *cache) drain() []*cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle.Purge()
	gone := c.leave
	c.leave = nil
	return gone
}

// size is how many aggregates are in memory.
func (c *cache) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.active) + c.idle.Len()
}
