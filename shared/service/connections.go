package service

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// connections bounds the connections of a server. Above the limit, the one that has waited longest for a request is closed: otherwise
// a client could take the memory of the service with connections alone.
type connections struct {
	limit int

	mu      sync.Mutex
	open    int
	waiting *list.List // of net.Conn, those without a request, oldest first
	places  map[net.Conn]*list.Element
}

func newConnections(limit int) *connections {
	return &connections{limit: limit, waiting: list.New(), places: map[net.Conn]*list.Element{}}
}

// changed follows the state of a connection: the hook ConnState of a server.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	if oldest := c.record(conn, state); oldest != nil {
		_ = oldest.Close()
	}
}

// record returns the connection to close, or nil.
func (c *connections) record(conn net.Conn, state http.ConnState) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if place, ok := c.places[conn]; ok {
		c.waiting.Remove(place)
		delete(c.places, conn)
	}
	switch state {
	case http.StateNew:
		c.open++
		c.places[conn] = c.waiting.PushBack(conn)
	case http.StateIdle:
		c.places[conn] = c.waiting.PushBack(conn)
	case http.StateHijacked, http.StateClosed:
		c.open--
	case http.StateActive:
	}
	if state != http.StateNew || c.open <= c.limit {
		return nil
	}
	oldest := c.waiting.Front() // the new one at the latest
	closed := oldest.Value.(net.Conn)
	c.waiting.Remove(oldest)
	delete(c.places, closed)
	return closed
}
