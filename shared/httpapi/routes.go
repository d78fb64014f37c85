package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// Route is a further route of an API. Its requests have the bounds of all others: requests in flight, size and arrival time of
// the body, and RequestTimeout as the deadline of their context.
type Route struct {
	Pattern string // of [http.ServeMux]; see [CheckPatterns]
	Handler http.Handler
}

// platformPaths are the first segments of the paths that belong to the platform.
var platformPaths = []string{"v1", "docs", "openapi", "openapi.json", "openapi.yaml"}

// CheckPatterns returns an error if a pattern of a further route is malformed, may match a path of the platform, or conflicts
// with another pattern.
func CheckPatterns(patterns []string) error {
	var errs []error
	for i, pattern := range patterns {
		err := checkPattern(pattern)
		if err == nil {
			err = checkConflicts(pattern, patterns[:i])
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("route %q: %w", pattern, err))
		}
	}
	return errors.Join(errs...)
}

func checkPattern(pattern string) error {
	head, rest, ok := strings.Cut(pattern, "/")
	if !ok {
		return errors.New(`it has no path: write it as "POST /orders/{id}"`)
	}
	if err := register(http.NewServeMux(), pattern, http.NotFoundHandler()); err != nil {
		return err
	}
	if method, _, ok := strings.Cut(head, " "); ok && method != strings.ToUpper(method) {
		return fmt.Errorf("the method %s never matches: write it in capitals", method)
	}
	segment, _, _ := strings.Cut(rest, "/")
	first, err := url.PathUnescape(segment)
	switch {
	case err != nil:
		return err
	case first == "{$}":
		return nil // the path "/" alone
	case first == "" || strings.HasPrefix(first, "{"):
		return errors.New("it matches paths of the platform: the path must begin with a fixed segment, such as /shop/")
	case slices.Contains(platformPaths, first):
		return fmt.Errorf("the paths below /%s belong to the platform: choose another one", first)
	}
	return nil
}

// checkConflicts compares a pattern with others, which are well formed or have an error of their own.
func checkConflicts(pattern string, others []string) error {
	for _, other := range others {
		if pattern == other {
			return errors.New("it is there twice")
		}
		mux := http.NewServeMux()
		if register(mux, other, http.NotFoundHandler()) == nil && register(mux, pattern, http.NotFoundHandler()) != nil {
			return fmt.Errorf("it conflicts with %q: some requests match both, and neither of them is more specific", other)
		}
	}
	return nil
}

// register adds a handler to a mux. What the mux panics with becomes an error.
func register(mux *http.ServeMux, pattern string, h http.Handler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	mux.Handle(pattern, h)
	return nil
}

// addRoutes adds the further routes.
func (s *server) addRoutes() error {
	for _, r := range s.options.Routes {
		if err := register(s.mux, r.Pattern, s.bound(r.Handler)); err != nil {
			return fmt.Errorf("route %q: %w", r.Pattern, err)
		}
	}
	return nil
}

// bound gives the handler of a further route the bounds that the routes of the platform have in their own code.
func (s *server) bound(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > s.options.MaxBody {
			s.fail(w, r, s.tooLarge())
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.options.RequestTimeout)
		defer cancel()
		ctx, end := s.admission.lend(ctx)
		defer end()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

// notFound answers a request without a route: 405 if a further route has its path under another method. The platform's own
// routes answer 405 themselves.
func (s *server) notFound(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	if len(s.options.Routes) > 0 {
		for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodPatch, http.MethodPost, http.MethodPut} {
			other := r.WithContext(r.Context())
			other.Method = method
			if _, pattern := s.mux.Handler(other); pattern != "/" && pattern != "" {
				allowed = append(allowed, method)
			}
		}
	}
	if len(allowed) == 0 {
		routes := slices.Clone(s.routes)
		for _, further := range s.options.Routes {
			routes = append(routes, further.Pattern)
		}
		s.fail(w, r, noRoute(routes))
		return
	}
	allow := strings.Join(allowed, ", ")
	w.Header().Set("Allow", allow)
	s.fail(w, r, problem.MethodNotAllowed.Errorf("this path accepts %s", allow))
}
