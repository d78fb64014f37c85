package httpapi

import (
	"net/http"
	"sync"
	"time"
)

// places are for the requests in flight. One whose body is still on its way gives its place to another that needs it: a
// client that sends slowly, or nothing, would otherwise keep everybody out with a few connections.
type places struct {
	most int

	mu     sync.Mutex
	taken  int // more than most while those that have lost theirs come to their end
	bodies map[*body]struct{}
}

// body is one that is on its way.
type body struct {
	w      http.ResponseWriter
	since  time.Time
	gaveUp bool // the place of its request
}

// bodyPatience is for how long a body keeps its place in any case: that of a client who means well is nearly always there.
const bodyPatience = 250 * time.Millisecond

func newPlaces(most int) *places { return &places{most: most, bodies: map[*body]struct{}{}} }

// take reports whether there is a place. It must be given to leave.
func (p *places) take() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken >= p.most && !p.interrupt() {
		return false
	}
	p.taken++
	return true
}

func (p *places) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
}

// interrupt ends the wait for the body that has been on its way the longest. The caller holds the lock.
func (p *places) interrupt() bool {
	var slowest *body
	for b := range p.bodies {
		if slowest == nil || b.since.Before(slowest.since) {
			slowest = b
		}
	}
	if slowest == nil || time.Since(slowest.since) < bodyPatience {
		return false
	}
	if http.NewResponseController(slowest.w).SetReadDeadline(time.Unix(1, 0)) != nil {
		return false
	}
	delete(p.bodies, slowest)
	slowest.gaveUp = true
	return true
}

// expect says that a body is on its way. What it returns must be given to arrived.
func (p *places) expect(w http.ResponseWriter) *body {
	b := &body{w: w, since: time.Now()}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bodies[b] = struct{}{}
	return b
}

// arrived says that the wait for a body is over. It reports false where its request has lost its place.
func (p *places) arrived(b *body) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.bodies, b)
	return !b.gaveUp
}
