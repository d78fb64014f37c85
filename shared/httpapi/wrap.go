package httpapi

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
)

// API is the HTTP API of a service.
type API struct {
	http.Handler // for clients: with Options.Wrap around it
	// Inside is for the process itself: without Options.Wrap and Options.Routes, and with the same bounds and checks. A request
	// with the context of a further route shares the place in flight of that route.
	Inside http.Handler
	// Load returns the number of requests that wait for a position, the bytes of bodies and answers in flight, and their maximum.
	Load func() (waiting int, bytes, maxBytes int64)
}

// entry is a way into a server: the bounds of all requests, and then next.
type entry struct {
	*server
	next http.Handler
}

// api completes a server whose own routes exist.
func (s *server) api() (API, error) {
	if err := errors.Join(s.serveDocs(), s.addRoutes()); err != nil {
		return API{}, err
	}
	inside := entry{s, s.route(s.inside)}
	if s.options.Wrap == nil {
		return API{Handler: entry{s, s.route(s.mux)}, Inside: inside, Load: s.load}, nil
	}
	wrapped, err := s.wrap()
	return API{Handler: entry{s, wrapped}, Inside: inside, Load: s.load}, err
}

func (s *server) load() (waiting int, bytes, maxBytes int64) {
	return s.room.size(), s.admission.held(), s.options.MaxBytes
}

type matchedKey struct{}

// wrap returns Options.Wrap around the routes. A wrapper may read the body, so the body is bounded before, and it may take time,
// so the request has a deadline.
func (s *server) wrap() (http.Handler, error) {
	route := s.route(s.mux)
	wrapped := s.options.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if matched, ok := r.Context().Value(matchedKey{}).(*atomic.Pointer[string]); ok {
				pattern := r.Pattern
				matched.Store(&pattern)
			}
		}()
		route(w, r)
	}))
	if wrapped == nil {
		return nil, errors.New("the function Wrap returned no handler: it must return the handler that it gets, or one around it")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A wrapper may pass on a copy of the request, or leave before the routes do. The metrics read the pattern of r.
		var matched atomic.Pointer[string]
		defer func() {
			if pattern := matched.Load(); pattern != nil {
				r.Pattern = *pattern
			}
		}()
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), matchedKey{}, &matched), s.options.RequestTimeout+maxWait)
		defer cancel()
		wrapped.ServeHTTP(w, r.WithContext(ctx))
	}), nil
}
