package httpapi

import (
	"context"
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

	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// server is the part that both APIs share: routing, limits, problem details and the OpenAPI document.
type server struct {
	options   Options
	mux       *http.ServeMux // for clients
	inside    *http.ServeMux // the same without the further routes
	openapi   *huma.OpenAPI
	admission *admission
	room      *waitingRoom
	routes    []string // for the detail of a 404: those of the platform
}

func newServer(o Options, types huma.Registry) *server {
	o = o.withDefaults()
	s := &server{options: o, mux: http.NewServeMux(), inside: http.NewServeMux(), admission: newAdmission(o.MaxInFlight, o.MaxBytes), room: newWaitingRoom(o.MaxWaiting)}
	s.openapi = newOpenAPI(o, types)
	s.mux.HandleFunc("/", s.notFound)
	s.inside.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, noRoute(s.routes)) })
	return s
}

// endpoint handles one request. It returns the status and body of a success, or an error. It may set headers, and writes
// nothing.
type endpoint func(w http.ResponseWriter, r *http.Request) (status int, body []byte, err error)

// errNotModified makes the answer of an endpoint a 304.
var errNotModified = errors.New("not modified")

// handle adds a route that answers JSON: a method and a pattern of [http.ServeMux].
func (s *server) handle(method, pattern string, e endpoint) {
	s.handleRaw(method, pattern, func(w http.ResponseWriter, r *http.Request) {
		status, body, err := e(w, r)
		switch {
		case err == nil:
			w.Header().Set("Content-Type", "application/json")
			if !s.send(w, status, body, int64(len(body))-free) {
				s.fail(w, r, errOverloaded)
			}
		case errors.Is(err, errNotModified):
			w.WriteHeader(http.StatusNotModified)
		default:
			s.fail(w, r, err)
		}
	})
}

// handleRaw adds a route. Other methods on its path get 405.
func (s *server) handleRaw(method, pattern string, h http.HandlerFunc) {
	allow := method
	if method == http.MethodGet {
		allow = "GET, HEAD"
	}
	s.routes = append(s.routes, method+" "+pattern)
	for _, mux := range []*http.ServeMux{s.mux, s.inside} {
		mux.HandleFunc(method+" "+pattern, h)
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			s.fail(w, r, problem.MethodNotAllowed.Errorf("this path accepts %s", allow))
		})
	}
}

// ServeHTTP rejects a request before reading its body if too many are in flight.
func (e entry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	debug := e.options.Logger.Enabled(r.Context(), slog.LevelDebug)
	if debug || e.options.Wrap != nil || len(e.options.Routes) > 0 {
		recorder := &statusRecorder{ResponseWriter: w}
		w = recorder
		if debug {
			defer e.logRequest(r, recorder, time.Now())
		}
	}
	defer e.recoverPanic(w, r)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	place, ok := e.admission.enter(r.Context())
	if !ok {
		e.fail(w, r, errOverloaded)
		return
	}
	if place == nil && len(r.Header[headerPosition]) > 0 {
		seat := &seat{server: e.server}
		defer seat.end()
		*r = *r.WithContext(context.WithValue(r.Context(), seatKey{}, seat)) // r itself: the caller reads the pattern of its route
	} else {
		defer e.admission.leave(place)
	}
	defer e.receive(w, r)()
	e.next.ServeHTTP(w, r)
}

// route returns a handler that calls that of the request's route.
func (s *server) route(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !isClean(r.URL.EscapedPath()) {
			s.fail(w, r, noRoute(s.routes)) // the mux would redirect, and a client may drop the body of a redirected command
			return
		}
		mux.ServeHTTP(w, r)
	}
}

// errOverloaded: the limit of requests in flight is reached.
var errOverloaded = problem.Overloaded.Errorf("%s", problem.Overloaded.Detail)

// isClean reports whether the path has no empty, "." or ".." segment. An escaped segment is data.
func isClean(p string) bool {
	return strings.HasPrefix(p, "/") && (p == "/" || path.Clean(p) == strings.TrimSuffix(p, "/"))
}

func noRoute(routes []string) error {
	return problem.UnknownRoute.Errorf("there are: %s", strings.Join(routes, ", "))
}

// recoverPanic answers 500 after a panic of a handler. The handlers of the platform write their answer last. A handler of the
// program may have begun an answer: then the connection is closed, so that the client does not take it for a whole one.
func (s *server) recoverPanic(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	s.options.Logger.ErrorContext(r.Context(), "a request panicked", "method", r.Method, "panic", p, "stack", string(debug.Stack()))
	if recorder, ok := w.(*statusRecorder); ok && recorder.status != 0 {
		panic(http.ErrAbortHandler)
	}
	w.Header().Del("Content-Encoding") // of a wrapper
	s.fail(w, r, fmt.Errorf("panic: %v", p))
}

// write writes a success.
func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client has disconnected
}

// statusRecorder records the status of an answer; 0 before it begins.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (w *statusRecorder) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status) // panics for a status that is none: then no answer has begun
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
}

func (w *statusRecorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap gives [http.ResponseController] access to the connection.
func (w *statusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (s *server) logRequest(r *http.Request, w *statusRecorder, start time.Time) {
	s.options.Logger.DebugContext(r.Context(), "request", "method", r.Method, "path", problem.Truncate(r.URL.EscapedPath()), "status", w.status,
		"duration", time.Since(start))
}
