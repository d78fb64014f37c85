package httpapi

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// waitGrace is the time during which a request that waits does not give way; most positions are reached by then.
const waitGrace = 250 * time.Millisecond

// waitingRoom holds the requests that wait for a position. They have left their places in flight. If it is full, the request that
// has waited longest gives way to a new one: otherwise a client that waits for what takes long could block all others.
type waitingRoom struct {
	limit int

	mu     sync.Mutex
	guests *list.List // of *guest, in the order of arrival
}

type guest struct {
	since time.Time
	leave context.CancelCauseFunc
}

func newWaitingRoom(limit int) *waitingRoom { return &waitingRoom{limit: limit, guests: list.New()} }

// enter adds a guest. It returns false if the room is full of guests that have just arrived.
func (w *waitingRoom) enter(leave context.CancelCauseFunc) (*list.Element, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.guests.Len() >= w.limit {
		oldest := w.guests.Front()
		g := oldest.Value.(*guest)
		if time.Since(g.since) < waitGrace {
			return nil, false
		}
		g.leave(errOverloaded)
		w.guests.Remove(oldest)
	}
	return w.guests.PushBack(&guest{since: time.Now(), leave: leave}), true
}

func (w *waitingRoom) exit(e *list.Element) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.guests.Remove(e) // nothing, if the guest has given way
}

func (w *waitingRoom) size() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.guests.Len()
}

// seat is the place in flight of a request that may wait. Parts of its handler that run concurrently may wait at the same time.
type seat struct {
	*server
	mu      sync.Mutex
	waiting int
	lost    bool // the request has ended, or found all places taken after a wait
}

type seatKey struct{}

// asideOf returns the function by which a request waits outside of its place in flight; nil if the request has none of its own.
func asideOf(ctx context.Context) func(context.Context, func(context.Context) error) error {
	if s, ok := ctx.Value(seatKey{}).(*seat); ok {
		return s.aside
	}
	return nil
}

// aside calls wait while the request is in the waiting room instead of in its place.
func (s *seat) aside(ctx context.Context, wait func(context.Context) error) error {
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	place, ok := s.room.enter(leave)
	if !ok {
		return errOverloaded
	}
	s.leave()
	err := wait(ctx)
	s.room.exit(place)
	switch {
	case !s.back():
		return errOverloaded
	case errors.Is(context.Cause(ctx), errOverloaded):
		return errOverloaded
	}
	return err
}

// leave gives the place in flight to another request.
func (s *seat) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == 0 && !s.lost {
		s.admission.release()
	}
	s.waiting++
}

// back takes a place in flight again. It returns false if all are taken, or the request has ended.
func (s *seat) back() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
	if s.waiting == 0 && !s.lost {
		s.lost = !s.admission.acquire()
	}
	return !s.lost
}

// end gives the place up at the end of the request. Where a wrapper has given up the handler, this is during a wait, from which
// the handler comes back without a place.
func (s *seat) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == 0 && !s.lost {
		s.admission.release()
	}
	s.lost = true
}
