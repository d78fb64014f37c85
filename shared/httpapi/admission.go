package httpapi

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// admission limits the requests in flight. At the limit, a request whose body is still arriving is interrupted in favour of
// a new one: otherwise a client that sends slowly, or nothing, could block all others with a few connections.
type admission struct {
	limit int

	mu       sync.Mutex
	inFlight int // exceeds limit while interrupted requests end
	bodies   map[*arrival]struct{}
}

// arrival is a body that is being received.
type arrival struct {
	w           http.ResponseWriter
	since       time.Time
	interrupted bool
}

// bodyGrace is the time during which a body is not interrupted; most bodies have arrived by then.
const bodyGrace = 250 * time.Millisecond

func newAdmission(limit int) *admission {
	return &admission{limit: limit, bodies: map[*arrival]struct{}{}}
}

// acquire reports whether a request may proceed. If so, it must be released.
func (a *admission) acquire() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inFlight >= a.limit && !a.interruptSlowest() {
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

// interruptSlowest ends the read of the body that has been arriving longest. The caller holds the lock.
func (a *admission) interruptSlowest() bool {
	for {
		var slowest *arrival
		for b := range a.bodies {
			if slowest == nil || b.since.Before(slowest.since) {
				slowest = b
			}
		}
		if slowest == nil || time.Since(slowest.since) < bodyGrace {
			return false
		}
		delete(a.bodies, slowest)
		if http.NewResponseController(slowest.w).SetReadDeadline(time.Unix(1, 0)) == nil {
			slowest.interrupted = true
			return true
		}
		// The writer of a wrapper may support no deadlines: the next one.
	}
}

// startBody registers a body that starts to arrive. The caller must end it.
func (a *admission) startBody(b *arrival) {
	b.since = time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bodies[b] = struct{}{}
}

// endBody reports whether the body was not interrupted.
func (a *admission) endBody(b *arrival) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.bodies, b)
	return !b.interrupted
}
