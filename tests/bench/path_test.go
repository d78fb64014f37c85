package main

import (
	"context"
	"iter"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"orchestrix/shared/es"
	"orchestrix/shared/httpapi"
	"orchestrix/shared/runtime"
	"orchestrix/shared/schema"
)

// nowhere is a log that encodes what it is given and keeps nothing.
type nowhere struct{ sequence atomic.Uint64 }

func (n *nowhere) Append(_ context.Context, expected es.Revision, c es.Commit) (es.Revision, error) {
	if err := c.Check(); err != nil {
		return es.Revision{}, err
	}
	c.Version, c.Previous = expected.Version+es.Version(len(c.Events)), expected.Next()
	c.Position.Sequence = n.sequence.Add(1)
	_, err := es.EncodeEvents(&c)
	return c.Revision(), err
}

func (n *nowhere) Last(context.Context, es.Stream) (es.Commit, error) {
	return es.Commit{}, es.ErrNoStream
}

func (n *nowhere) LastConfirmed(context.Context, es.Stream) (es.Commit, error) {
	return es.Commit{}, es.ErrNoStream
}

func (n *nowhere) Since(context.Context, es.Version, es.Commit) iter.Seq2[es.Commit, error] {
	return func(func(es.Commit, error) bool) {}
}

func (n *nowhere) Created(es.Stream) time.Time { return time.Time{} }

// BenchmarkCommand is a command's way through the service without sockets and without a log: what there is to save.
// The bare way is what (b) does with the same request.
func BenchmarkCommand(b *testing.B) {
	registry, err := es.NewRegistry(modules("")...)
	if err != nil {
		b.Fatal(err)
	}
	schemas, err := schema.New(registry)
	if err != nil {
		b.Fatal(err)
	}
	executor, err := runtime.NewExecutor(registry, &nowhere{}, nil, runtime.ExecutorConfig{CacheSize: 1000})
	if err != nil {
		b.Fatal(err)
	}
	api, err := httpapi.NewCommandAPI(registry, schemas, executor, httpapi.Options{})
	if err != nil {
		b.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /publish/{id}/{command}", func(w http.ResponseWriter, r *http.Request) {
		_, err := read(r)
		respond(w, answer{ID: r.PathValue("id"), Sequence: 1}, err)
	})
	for name, way := range map[string]struct {
		handler               http.Handler
		before, command, body string
		aggregates            int
	}{
		"orchestrix/place": {api, "/v1/commands/order/", "/place", placeBody, 1 << 40},
		"orchestrix/count": {api, "/v1/commands/tally/", "/count", countBody, 500},
		"bare/place":       {mux, "/publish/", "/place", placeBody, 1 << 40},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				r := httptest.NewRequest(http.MethodPost, way.before+strconv.Itoa(n%way.aggregates)+way.command, strings.NewReader(way.body))
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				way.handler.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
			}
		})
	}
}
