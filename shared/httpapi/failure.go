package httpapi

import (
	"log/slog"
	"net/http"

	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// fail answers with the problem of an error.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	t, p := problem.Public.Find(err)
	p.Instance = problem.Truncate(r.URL.EscapedPath())
	p.TraceID = s.options.TraceID(r.Context())
	s.logFailure(r, t, p, err)
	h := w.Header()
	h.Del(headerETag)
	if t == problem.BodyTimeout || t == problem.BodyTooLarge || t == problem.CommitTooLarge {
		h.Set("Connection", "close") // the rest of the body is not read
	}
	if err := problem.Write(w, t, p); err != nil {
		s.options.Logger.ErrorContext(r.Context(), "a problem can't be encoded", "code", p.Code, "error", err)
	}
}

// logFailure logs faults of the service and unavailable backends, which need an operator, unless the client has
// disconnected.
func (s *server) logFailure(r *http.Request, t *problem.Type, p problem.Problem, err error) {
	level := slog.LevelDebug
	switch {
	case r.Context().Err() != nil:
	case t == problem.Internal:
		level = slog.LevelError
	case t == problem.Unavailable, t == problem.ResultsFull:
		level = slog.LevelWarn
	}
	s.options.Logger.Log(r.Context(), level, "request failed",
		"method", r.Method, "path", p.Instance, "status", p.Status, "code", p.Code, "error", err)
}
