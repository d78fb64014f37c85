package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

func TestPatternsOfFurtherRoutes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		patterns []string
		says     string // "": they are good
	}{
		{[]string{"POST /hooks/{source}", "GET /hooks/{source}", "/pages/", "GET /{$}", "GET example.com/pages/{id...}", "POST /items/search", "GET /items/{id}"}, ""},
		{[]string{"GET /v1/views/orders"}, "/v1 belong to the platform"},
		{[]string{"GET example.com/v1/views/orders"}, "/v1 belong to the platform"},
		{[]string{"/%76%31/x"}, "/v1 belong to the platform"},
		{[]string{"/docs"}, "/docs belong"},
		{[]string{"GET /openapi.json"}, "/openapi.json belong"},
		{[]string{"/"}, "must begin with a fixed segment"},
		{[]string{"GET /{any}/x"}, "must begin with a fixed segment"},
		{[]string{"GET /{all...}"}, "must begin with a fixed segment"},
		{[]string{""}, "it has no path"},
		{[]string{"GET hooks"}, "it has no path"},
		{[]string{"get /hooks"}, "write it in capitals"},
		{[]string{"/hooks/{a}/{a}"}, "duplicate"},
		{[]string{"/hooks/{a"}, "/hooks/{a"},
		{[]string{"/hooks", "/hooks"}, "there twice"},
		{[]string{"/a/{x}/b", "/a/b/{x}"}, `conflicts with "/a/{x}/b"`},
	} {
		err := httpapi.CheckPatterns(test.patterns)
		if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%q: %v, want %q", test.patterns, err, test.says)
		}
	}
}

// echo answers with the body of the request, or with the error of its read.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		http.Error(w, "too much", http.StatusRequestEntityTooLarge)
		return
	}
	fmt.Fprintf(w, "%s %s", r.PathValue("name"), body)
}

// further are further routes: one that works, and two that panic before and during their answer.
func further() []httpapi.Route {
	return []httpapi.Route{
		{Pattern: "POST /echo/{name}", Handler: http.HandlerFunc(echo)},
		{Pattern: "GET /panics", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			panic("on purpose")
		})},
		{Pattern: "GET /breaks", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "half")
			panic("on purpose")
		})},
	}
}

// passOn is a wrapper that passes on a copy of the request and a writer without deadlines.
func passOn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Wrapped", "yes")
		next.ServeHTTP(struct{ http.ResponseWriter }{w}, r.WithContext(context.WithValue(r.Context(), t0{}, 1)))
	})
}

type t0 struct{}

func TestFurtherRoutes(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(http.Handler) http.Handler{"plain": nil, "wrapped": passOn} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := commandServer(t, executorFunc(accept), httpapi.Options{MaxBody: 1000, Routes: further(), Wrap: wrap})
			if r := call(t, server, "POST", "/echo/ann", `hello`); r.status != http.StatusOK || r.body != "ann hello" {
				t.Errorf("a route: %d %s", r.status, r.body)
			}
			if r := call(t, server, "POST", placePath, goodBody); r.status != http.StatusOK || (r.header.Get("Wrapped") == "yes") != (wrap != nil) {
				t.Errorf("a command: %d %v", r.status, r.header)
			}
			call(t, server, "POST", "/echo/ann", strings.Repeat("a", 1001)).problem(t, "too large", 413, "too-large")
			call(t, server, "PUT", "/echo/ann", "").problem(t, "another method", 405, "method-not-allowed")
			call(t, server, "GET", "/nothing", "").problem(t, "no route", 404, "unknown-route")
			panicked := call(t, server, "GET", "/panics", "")
			panicked.problem(t, "a panic", 500, "internal")
			if panicked.header.Get("Content-Encoding") != "" {
				t.Error("the problem is not compressed")
			}
			chunked, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/echo/ann", io.MultiReader(strings.NewReader(strings.Repeat("a", 1001))))
			if err != nil {
				t.Fatal(err)
			}
			if r := do(t, server, chunked); r.status != http.StatusRequestEntityTooLarge || !strings.Contains(r.body, "too much") {
				t.Errorf("a chunked body: %d %s", r.status, r.body)
			}
			broken, err := server.Client().Get(server.URL + "/breaks")
			if err == nil {
				_, err = io.ReadAll(broken.Body)
				broken.Body.Close()
			}
			if err == nil {
				t.Error("half an answer was received as a whole one")
			}
		})
	}
}

// A wrapper that reads the body is inside the limits too.
func TestAWrapperIsInsideTheLimits(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	server := commandServer(t, executorFunc(accept), httpapi.Options{MaxBody: 1000, MaxInFlight: 1, Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/wait":
				entered <- struct{}{}
				<-leave
			case "/panics":
				panic("on purpose")
			case "/read":
				echo(w, r)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}})
	call(t, server, "GET", "/panics", "").problem(t, "a panic", 500, "internal")
	if r := call(t, server, "POST", "/read", strings.Repeat("a", 1001)); r.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body that a wrapper reads: %d", r.status)
	}
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		call(t, server, "GET", "/wait", "")
	}()
	<-entered
	call(t, server, "POST", placePath, goodBody).problem(t, "the second", 503, "overloaded")
	close(leave)
	<-waited
}

// The pattern of a wrapped request is known outside of the wrapper: it is the label of the metrics.
func TestTheRouteOfAWrappedRequestIsKnown(t *testing.T) {
	t.Parallel()
	r, s := registry(t)
	api, err := httpapi.NewCommandAPI(r, s, executorFunc(accept), httpapi.Options{Routes: further(), Wrap: passOn})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/echo/ann": "POST /echo/{name}", placePath: "POST /v1/commands/{category}/{id}/{command}", "/nothing": "/"} {
		for name, handler := range map[string]http.Handler{"outside": api, "inside": api.Inside} {
			want := want
			if name == "inside" && path == "/echo/ann" {
				want = "/" // further routes don't reach each other
			}
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(goodBody))
			request.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, request)
			if request.Pattern != want || (w.Header().Get("Wrapped") != "") != (name == "outside") {
				t.Errorf("%s, %s: the pattern is %q, want %q; %v", path, name, request.Pattern, want, w.Header())
			}
		}
	}
}

// At the limit, a route still sends requests inside, one at a time. Others take a place of their own.
func TestARouteAndItsRequestsInsideTakeOnePlace(t *testing.T) {
	t.Parallel()
	r, s := registry(t)
	var api httpapi.API
	inside := func(ctx context.Context) int {
		request := httptest.NewRequestWithContext(ctx, http.MethodPost, placePath, strings.NewReader(goodBody))
		request.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		api.Inside.ServeHTTP(w, request)
		return w.Code
	}
	var route *http.Request
	var whileExecuted []int
	execute := executorFunc(func(ctx context.Context, c runtime.Command) (runtime.Result, error) {
		if len(whileExecuted) == 0 {
			whileExecuted = append(whileExecuted, 0)
			whileExecuted[0] = inside(route.Context())
		}
		return accept(ctx, c)
	})
	options := httpapi.Options{MaxInFlight: 1, Routes: []httpapi.Route{{Pattern: "GET /sends", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route = r
		fmt.Fprint(w, inside(r.Context()), inside(r.Context()), inside(context.Background()))
	})}}}
	var err error
	if api, err = httpapi.NewCommandAPI(r, s, execute, options); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/sends", nil))
	if got := w.Body.String(); got != "200 200 503" || len(whileExecuted) != 1 || whileExecuted[0] != http.StatusServiceUnavailable {
		t.Errorf("one after the other, and with another context: %s, want 200 200 503; at the same time: %v, want 503", got, whileExecuted)
	}
	if got := inside(context.WithoutCancel(route.Context())); got != http.StatusOK {
		t.Errorf("after the route: %d", got)
	}
}

func TestFaultsOfTheOptionsAreErrors(t *testing.T) {
	t.Parallel()
	r, s := registry(t)
	for says, o := range map[string]httpapi.Options{
		"function Wrap returned no handler": {Wrap: func(http.Handler) http.Handler { return nil }},
		`route "GET /docs"`:                 {Routes: []httpapi.Route{{Pattern: "GET /docs", Handler: http.NotFoundHandler()}}},
	} {
		_, err := httpapi.NewCommandAPI(r, s, executorFunc(func(context.Context, runtime.Command) (runtime.Result, error) { return runtime.Result{}, nil }), o)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

// A wrapper may answer while the handler still runs and reads the body.
func TestAWrapperGivesUp(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		_, err := io.ReadAll(r.Body)
		ended <- err
	})
	server := commandServer(t, executorFunc(accept), httpapi.Options{
		MaxInFlight: 1, Routes: []httpapi.Route{{Pattern: "POST /slow", Handler: slow}},
		Wrap: func(next http.Handler) http.Handler {
			impatient := http.TimeoutHandler(next, time.Millisecond, "too late")
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/slow" {
					impatient.ServeHTTP(w, r)
					return
				}
				next.ServeHTTP(w, r)
			})
		},
	})
	if r := call(t, server, "POST", "/slow", "hello"); r.status != http.StatusServiceUnavailable || r.body != "too late" {
		t.Errorf("the slow route: %d %s", r.status, r.body)
	}
	<-ended
	if r := call(t, server, "POST", placePath, goodBody); r.status != http.StatusOK {
		t.Errorf("the next request: %d %s", r.status, r.body)
	}
}
