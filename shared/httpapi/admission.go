package httpapi

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// admission limits the requests in flight, and the bytes of their bodies and answers. At a limit, a request whose body is still
// arriving, or whose answer is still being sent, is interrupted in favour of a new one: otherwise a client that sends or receives
// slowly, or not at all, could block all others with a few connections.
type admission struct {
	limit    int
	maxBytes int64

	mu        sync.Mutex
	inFlight  int        // exceeds limit while interrupted requests end
	bytes     int64      // of bodies and answers, without those of interrupted requests
	transfers *list.List // of *transfer, oldest first
	holders   *list.List // those with bytes, in the order of their first
}

// bodyGrace is the time during which a body is not interrupted; most bodies have arrived by then.
const bodyGrace = 250 * time.Millisecond

func newAdmission(limit int, maxBytes int64) *admission {
	return &admission{limit: limit, maxBytes: maxBytes, transfers: list.New(), holders: list.New()}
}

// acquire reports whether a request may proceed. If so, it must be released.
func (a *admission) acquire() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inFlight >= a.limit && !a.interruptOldest(a.transfers, nil) {
		return false
	}
	a.inFlight++
	return true
}

func (a *admission) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inFlight--
}

// place is the place in flight of a request whose handler may send requests inside the process.
type place struct {
	admission *admission
	state     atomic.Int32
}

// States of a place: free for a request inside, taken by one, or given up by the handler.
const (
	placeFree = iota
	placeTaken
	placeGivenUp
)

type placeKey struct{}

// lend returns a context for the handler of an admitted request. One request at a time with this context takes no place of its
// own: the handler waits for it, and at the limit each of the two would wait for the other. The caller must call end.
func (a *admission) lend(ctx context.Context) (lent context.Context, end func()) {
	p := &place{admission: a}
	return context.WithValue(ctx, placeKey{}, p), func() { p.state.Store(placeGivenUp) }
}

// enter reports whether a request may proceed. If so, it must leave the place: that of another request, or nil for its own.
func (a *admission) enter(ctx context.Context) (borrowed *place, ok bool) {
	if p, _ := ctx.Value(placeKey{}).(*place); p != nil && p.admission == a && p.state.CompareAndSwap(placeFree, placeTaken) {
		return p, true
	}
	return nil, a.acquire()
}

func (a *admission) leave(borrowed *place) {
	if borrowed == nil {
		a.release()
		return
	}
	borrowed.state.CompareAndSwap(placeTaken, placeFree)
}
