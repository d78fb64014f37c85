package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"orchestrix/shared/clip"
)

// server is what both APIs share: routing, limits, problem details and the OpenAPI document.
type server struct {
	options Options
	mux     *http.ServeMux
	openapi *huma.OpenAPI
	places  *places
	routes  []string // for the hint of a 404
}

func newServer(o Options, types huma.Registry) *server {
	o = o.withDefaults()
	s := &server{options: o, mux: http.NewServeMux(), places: newPlaces(o.MaxInFlight)}
	s.openapi = newOpenAPI(o, types)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, s.noRoute()) })
	return s
}

// endpoint answers one request: the body of a 200, or an error. It sets headers beside, and writes nothing.
type endpoint func(w http.ResponseWriter, r *http.Request) ([]byte, error)

// errNotModified is what an endpoint returns for 304.
var errNotModified = errors.New("not modified")

// handle adds a route that answers JSON: a method and a pattern of [http.ServeMux].
func (s *server) handle(method, pattern string, e endpoint) {
	s.handleStatus(method, pattern, func(w http.ResponseWriter, r *http.Request) (int, []byte, error) {
		body, err := e(w, r)
		return http.StatusOK, body, err
	})
}

// handleStatus is handle for an endpoint that chooses among statuses of success.
func (s *server) handleStatus(method, pattern string, e func(http.ResponseWriter, *http.Request) (int, []byte, error)) {
	s.handleRaw(method, pattern, func(w http.ResponseWriter, r *http.Request) {
		status, body, err := e(w, r)
		switch {
		case err == nil:
			w.Header().Set("Content-Type", "application/json")
			write(w, status, body)
		case errors.Is(err, errNotModified):
			w.WriteHeader(http.StatusNotModified)
		default:
			s.fail(w, r, err)
		}
	})
}

// handleRaw adds a route. Other methods at its path get 405.
func (s *server) handleRaw(method, pattern string, h http.HandlerFunc) {
	allow := method
	if method == http.MethodGet {
		allow = "GET, HEAD"
	}
	s.routes = append(s.routes, method+" "+pattern)
	s.mux.HandleFunc(method+" "+pattern, h)
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		s.fail(w, r, methodNotAllowed.because("this path takes "+allow))
	})
}

// ServeHTTP turns a request away before its body is read where too much is in flight.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.options.Logger.Enabled(r.Context(), slog.LevelDebug) {
		recorder := &statusRecorder{ResponseWriter: w}
		w = recorder
		defer s.logRequest(r, recorder, time.Now())
	}
	defer s.recoverPanic(w, r)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !s.places.take() {
		s.fail(w, r, overloaded.because(overloaded.detail))
		return
	}
	defer s.places.leave()
	if !isClean(r.URL.EscapedPath()) {
		s.fail(w, r, s.noRoute()) // the mux would redirect, and a command must not wander
		return
	}
	s.mux.ServeHTTP(w, r)
}

// isClean reports whether the path has no empty, "." or ".." segment. An escaped one is data.
func isClean(p string) bool {
	return strings.HasPrefix(p, "/") && (p == "/" || path.Clean(p) == strings.TrimSuffix(p, "/"))
}

func (s *server) noRoute() error {
	return unknownRoute.because("there are: " + strings.Join(s.routes, ", "))
}

// recoverPanic answers 500 where a handler has panicked; nothing has been written then, since handlers write
// their answer last.
func (s *server) recoverPanic(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	s.options.Logger.ErrorContext(r.Context(), "a request panicked", "method", r.Method, "panic", p, "stack", string(debug.Stack()))
	s.fail(w, r, fmt.Errorf("panic: %v", p))
}

// write is the one place where a body is written.
func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone where this fails
}

// statusRecorder remembers the status for the debug log.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (w *statusRecorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *statusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (s *server) logRequest(r *http.Request, w *statusRecorder, start time.Time) {
	s.options.Logger.DebugContext(r.Context(), "request", "method", r.Method, "path", clip.Text(r.URL.EscapedPath(), maxDetail), "status", w.status,
		"duration", time.Since(start))
}
