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

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/cloudevents"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

// nowhere is a log that encodes what it is given and keeps nothing.
type nowhere struct{ sequence atomic.Uint64 }

func (n *nowhere) Append(_ context.Context, expected core.Revision, c core.Commit) (core.Revision, error) {
	if err := c.Check(); err != nil {
		return core.Revision{}, err
	}
	c.Version, c.Previous = expected.Version+core.Version(len(c.Events)), expected.Next()
	c.Position.Sequence = n.sequence.Add(1)
	_, err := cloudevents.Encode(&c)
	return c.Revision(), err
}

func (n *nowhere) Last(context.Context, core.Stream) (core.Commit, error) {
	return core.Commit{}, port.ErrNoStream
}

func (n *nowhere) LastConfirmed(context.Context, core.Stream) (core.Commit, error) {
	return core.Commit{}, port.ErrNoStream
}

func (n *nowhere) Since(context.Context, core.Version, core.Commit) iter.Seq2[core.Commit, error] {
	return func(func(core.Commit, error) bool) {}
}

func (n *nowhere) Created(core.Stream) time.Time { return time.Time{} }

// BenchmarkCommand is a command's way through the service without sockets and without a log: what there is to save.
// The bare way is what (b) does with the same request.
func BenchmarkCommand(b *testing.B) {
	registry, err := compile.Modules(modules("")...)
	if err != nil {
		b.Fatal(err)
	}
	schemas, err := schema.New(registry)
	if err != nil {
		b.Fatal(err)
	}
	executor, err := command.NewExecutor(registry, &nowhere{}, nil, command.Config{CacheSize: 1000})
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
