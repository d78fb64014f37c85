package httpapi

import (
	"net/http"
	"sync"
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
