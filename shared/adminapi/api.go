package adminapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// requestTimeout bounds how long a request may take.
const requestTimeout = time.Minute

// API is the admin API of one admin port. Several services of one process may share it.
type API struct {
	mu   sync.Mutex // guards the OpenAPI document while routes are added
	huma huma.API
}

// New returns an API without routes but GET /openapi.json, which it adds to mux.
func New(mux *http.ServeMux) *API {
	format := huma.Format{
		Marshal:   func(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) },
		Unmarshal: json.Unmarshal,
	}
	a := &API{huma: humago.New(mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Orchestrix admin API", Version: "1", Description: "What operators of a service see and do on its admin port.",
				License: &huma.License{Name: "Apache License 2.0", Identifier: "Apache-2.0"},
			},
			Servers: []*huma.Server{{URL: "/"}},
		},
		Formats:       map[string]huma.Format{mediaJSON: format, "json": format},
		DefaultFormat: mediaJSON,
	})}
	mux.HandleFunc("GET /openapi.json", a.serveDocument)
	return a
}

func (a *API) serveDocument(w http.ResponseWriter, _ *http.Request) {
	var document bytes.Buffer
	a.mu.Lock()
	encoder := json.NewEncoder(&document)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(a.huma.OpenAPI())
	a.mu.Unlock()
	if err != nil {
		WriteProblem(w, http.StatusInternalServerError, "internal", err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/openapi+json")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = document.WriteTo(w) // fails only where the client has left
}

// Routes are the routes of one service. T is what they work on.
type Routes[T any] struct {
	api      *API
	starting string // the detail of the 503 before Start
	running  atomic.Pointer[T]
}

// Start makes the routes work on t.
func (r *Routes[T]) Start(t T) { r.running.Store(&t) }

// reply is an answer as huma wants it.
type reply[O any] struct{ Body O }

// get adds a route that reads. I holds its parameters, as huma's tags name them.
func get[T, I, O any](r *Routes[T], tag, path, summary string, handle func(ctx context.Context, t *T, in *I) (O, error)) {
	add(r, huma.Operation{Method: http.MethodGet, Path: path, Tags: []string{tag}, Summary: summary}, handle)
}

// post adds a route that changes something. I embeds [ActionBody], which reads the body: huma must not.
func post[T, I, O any](r *Routes[T], tag, path, summary string, handle func(ctx context.Context, t *T, in *I) (O, error)) {
	add(r, huma.Operation{Method: http.MethodPost, Path: path, Tags: []string{tag}, Summary: summary}, handle)
	schema := r.api.schema(reflect.TypeFor[ActionRequest]())
	r.api.mu.Lock()
	defer r.api.mu.Unlock()
	r.api.huma.OpenAPI().Paths[path].Post.RequestBody = &huma.RequestBody{
		Required: true, Content: map[string]*huma.MediaType{mediaJSON: {Schema: schema}},
	}
}

func add[T, I, O any](r *Routes[T], op huma.Operation, handle func(ctx context.Context, t *T, in *I) (O, error)) {
	op.OperationID = operationID(op.Method, op.Path)
	op.SkipValidateParams = true // handlers check values, and answer 400 where huma would answer 422
	op.Middlewares = huma.Middlewares{r.check}
	op.Responses = map[string]*huma.Response{"default": {
		Description: "A problem, as RFC 9457 describes it.",
		Content:     map[string]*huma.MediaType{mediaProblem: {Schema: r.api.schema(reflect.TypeFor[Problem]())}},
	}}
	r.api.mu.Lock()
	defer r.api.mu.Unlock()
	huma.Register(r.api.huma, op, func(ctx context.Context, in *I) (*reply[O], error) {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		answer, err := handle(ctx, r.running.Load(), in)
		if err != nil {
			return nil, problemOf(err)
		}
		return &reply[O]{answer}, nil
	})
	delete(r.api.huma.OpenAPI().Components.Schemas.Map(), "ErrorModel") // huma's own problem, which no route answers
	delete(r.api.huma.OpenAPI().Components.Schemas.Map(), "ErrorDetail")
}

// schema is the schema of a type, kept once in the document.
func (a *API) schema(t reflect.Type) *huma.Schema {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.huma.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
}

// operationID names an operation after its path: "post-parked-id-retry".
func operationID(method, path string) string {
	return strings.ToLower(method) + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(path)
}

// check answers requests that no handler takes: before the service has started, and with texts that no store takes.
func (r *Routes[T]) check(ctx huma.Context, next func(huma.Context)) {
	_, w := humago.Unwrap(ctx)
	if r.running.Load() == nil {
		WriteProblem(w, http.StatusServiceUnavailable, "starting", r.starting)
		return
	}
	if err := checkRequest(ctx); err != nil {
		p := problemOf(err)
		WriteProblem(w, p.Status, p.Code, p.Detail)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	next(ctx)
}
