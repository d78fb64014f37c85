package httpapi

import (
	"container/list"
	"net/http"
	"time"
)

// free is how much of a body and of an answer, in bytes, is not taken from the budget: the limit of requests in flight covers it.
const free = 16 << 10

// buffered is the size, in bytes, up to which the server sends an answer without waiting for its client.
const buffered = 4 << 10

// DefaultMaxBytes is the default of Options.MaxBytes: 32 MiB.
const DefaultMaxBytes = 32 << 20

// transfer is a body that is being received, or an answer that is being sent. Its fields are guarded by the mutex of the admission.
type transfer struct {
	w           http.ResponseWriter
	answer      bool
	since       time.Time
	bytes       int64 // taken from the budget
	interrupted bool
	place       *list.Element // among all transfers; nil: it has ended
	holder      *list.Element // among those with bytes
}

// interrupt ends the read or the write of the transfer. It reports false if the writer supports no deadlines; that of a wrapper
// may not.
func (t *transfer) interrupt() bool {
	c, past := http.NewResponseController(t.w), time.Unix(1, 0)
	if t.answer {
		t.interrupted = c.SetWriteDeadline(past) == nil
	} else {
		t.interrupted = c.SetReadDeadline(past) == nil
	}
	return t.interrupted
}

// take takes n bytes from the budget. If too few are left, the transfers that have lasted longest are interrupted. It reports false
// if that is not enough, or if t itself was interrupted.
func (a *admission) take(t *transfer, n int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for !t.interrupted && a.bytes+n > a.maxBytes {
		if !a.interruptOldest(a.holders, t) {
			return false
		}
	}
	if t.interrupted {
		return false
	}
	a.bytes += n
	t.bytes += n
	if t.place != nil && t.holder == nil && t.bytes > 0 {
		t.holder = a.holders.PushBack(t)
	}
	return true
}

// giveBack returns what a transfer has taken from the budget.
func (a *admission) giveBack(t *transfer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bytes -= t.bytes
	t.bytes = 0
}

// held returns the bytes that are taken from the budget.
func (a *admission) held() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bytes
}

// interruptOldest interrupts the oldest of these transfers, except one, if it has lasted longer than the grace period, and gives
// back what it has taken: its request is about to end. The caller holds the lock.
func (a *admission) interruptOldest(from *list.List, except *transfer) bool {
	for e := from.Front(); e != nil; {
		oldest := e.Value.(*transfer)
		e = e.Next()
		if oldest == except {
			continue
		}
		if time.Since(oldest.since) < bodyGrace {
			return false
		}
		a.remove(oldest)
		if oldest.interrupt() {
			a.bytes -= oldest.bytes
			oldest.bytes = 0
			return true
		}
	}
	return false
}

// start registers a transfer. The caller must finish it, and give back what it has taken.
func (a *admission) start(t *transfer) {
	t.since = time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	t.place = a.transfers.PushBack(t)
}

// finish reports whether the transfer was not interrupted.
func (a *admission) finish(t *transfer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.remove(t)
	return !t.interrupted
}

// remove makes a transfer one that is not interrupted any more. The caller holds the lock.
func (a *admission) remove(t *transfer) {
	if t.place != nil {
		a.transfers.Remove(t.place)
	}
	if t.holder != nil {
		a.holders.Remove(t.holder)
	}
	t.place, t.holder = nil, nil
}

// send writes an answer. A large one may be interrupted, and takes some bytes from the budget until it is sent; send reports false,
// and writes nothing, if too few are left.
func (s *server) send(w http.ResponseWriter, status int, body []byte, bytes int64) bool {
	if len(body) > buffered {
		t := &transfer{w: w, answer: true}
		s.admission.start(t)
		defer s.admission.giveBack(t)
		defer s.admission.finish(t)
		if !s.admission.take(t, max(bytes, 0)) {
			return false
		}
	}
	write(w, status, body)
	return true
}
