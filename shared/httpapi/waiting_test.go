package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
)

// waitingServer answers a document when its view has reached the position, which never happens for the document "never".
func waitingServer(t *testing.T, o httpapi.Options) (url func(key string) reply, entered chan string) {
	t.Helper()
	entered = make(chan string, 100)
	server := queryServer(t, &router{document: func(_, key string, w query.Wait) (core.Document, query.Freshness, error) {
		err := w.Aside(t.Context(), func(ctx context.Context) error {
			entered <- key
			if key == "never" {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		return core.Document{Key: key, Position: at, Data: []byte("1")}, query.Freshness{}, err
	}}, o)
	return func(key string) reply {
		return call(t, server, "GET", "/v1/views/order-summary/"+key, "", "Orchestrix-Position", "0-1", "Prefer", "wait=30")
	}, entered
}

// Those who wait take no place in flight; where all places for them are taken, the oldest gives way.
func TestThoseWhoWaitKeepNobodyOut(t *testing.T) {
	t.Parallel()
	get, entered := waitingServer(t, httpapi.Options{MaxInFlight: 1, MaxWaiting: 1})
	var waiting sync.WaitGroup
	waiting.Go(func() { get("never").problem(t, "one that gives way", 503, "overloaded") })
	<-entered
	for status := 0; status != http.StatusOK; {
		r := get("soon")
		if status = r.status; status != http.StatusOK {
			r.problem(t, "within the grace period", 503, "overloaded")
		}
	}
	waiting.Wait()
	if r := get("soon"); r.status != http.StatusOK {
		t.Errorf("in an empty room: %d", r.status)
	}
}

// A request that has waited needs a place in flight again.
func TestARequestThatHasWaitedNeedsAPlace(t *testing.T) {
	t.Parallel()
	inside, leave := make(chan struct{}), make(chan struct{})
	waiting, reached := make(chan struct{}), make(chan struct{})
	server := queryServer(t, &router{document: func(_, key string, w query.Wait) (core.Document, query.Freshness, error) {
		document := core.Document{Key: key, Position: at, Data: []byte("1")}
		if key == "busy" {
			close(inside)
			<-leave
			return document, query.Freshness{}, nil
		}
		return document, query.Freshness{}, w.Aside(t.Context(), func(context.Context) error {
			close(waiting)
			<-reached
			return nil
		})
	}}, httpapi.Options{MaxInFlight: 1})
	first, second := make(chan reply, 1), make(chan reply, 1)
	go func() {
		first <- call(t, server, "GET", "/v1/views/order-summary/waits", "", "Orchestrix-Position", "0-1")
	}()
	<-waiting
	go func() { second <- call(t, server, "GET", "/v1/views/order-summary/busy", "") }()
	<-inside
	close(reached)
	r := <-first
	r.problem(t, "after the wait", 503, "overloaded")
	close(leave)
	if r := <-second; r.status != http.StatusOK {
		t.Errorf("during the wait: %d", r.status)
	}
}

// A request that a wrapper gives up during its wait takes no place when the wait ends.
func TestAWrapperGivesUpARequestThatWaits(t *testing.T) {
	t.Parallel()
	reached, ended := make(chan struct{}), make(chan struct{})
	r, s := registry(t)
	api, err := httpapi.NewQueryAPI(r, s, &router{document: func(_, key string, w query.Wait) (core.Document, query.Freshness, error) {
		document := core.Document{Key: key, Position: at, Data: []byte("1")}
		if key != "waits" {
			return document, query.Freshness{}, nil
		}
		defer close(ended)
		return document, query.Freshness{}, w.Aside(t.Context(), func(context.Context) error {
			<-reached
			return nil
		})
	}}, httpapi.Options{MaxInFlight: 1, Wrap: func(next http.Handler) http.Handler {
		return http.TimeoutHandler(next, 10*time.Millisecond, "too late")
	}})
	if err != nil {
		t.Fatal(err)
	}
	get := func(key string) *httptest.ResponseRecorder {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/views/order-summary/"+key, nil)
		request.Header.Set("Orchestrix-Position", "0-1")
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, request) // it returns after the end of the request
		return answer
	}
	if w := get("waits"); w.Body.String() != "too late" {
		t.Fatalf("the request that waits: %d %s", w.Code, w.Body)
	}
	close(reached)
	<-ended
	next := get("next")
	for next.Body.String() == "too late" { // on a slow machine
		next = get("next")
	}
	if next.Code != http.StatusOK {
		t.Errorf("the next request: %d %s", next.Code, next.Body)
	}
}
