package adminapi

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// requestTimeout is the time limit of one request.
const requestTimeout = time.Minute

// Routes are the routes of one service. T is the type of the backends that the handlers use.
type Routes[T any] struct {
	api      *API
	starting string // the detail of the 503 before Start
	running  atomic.Pointer[T]
}

// Start passes the backends to the handlers. Before, the routes answer 503.
func (r *Routes[T]) Start(backends T) { r.running.Store(&backends) }

// handler handles one request. I holds the parameters, as the tags of huma name them; O is the body of a success.
type handler[T, I, O any] func(ctx context.Context, backends *T, in *I) (O, error)

// get adds a route that reads. failures are the problems that not every route has.
func get[T, I, O any](r *Routes[T], tag, path, summary string, handle handler[T, I, O], failures ...*problem.Type) {
	addRoute(r, huma.Operation{Method: http.MethodGet, Path: path, Tags: []string{tag}, Summary: summary}, handle, failures)
}

// post adds a route that changes something. I embeds [actionBody], which reads the body instead of huma.
func post[T, I, O any](r *Routes[T], tag, path, summary string, handle handler[T, I, O], failures ...*problem.Type) {
	addRoute(r, huma.Operation{Method: http.MethodPost, Path: path, Tags: []string{tag}, Summary: summary}, handle, append(failures, problem.Conflict, problem.NotJSON))
	body := jsonContent[ActionRequest](r.api)
	r.api.mu.Lock()
	defer r.api.mu.Unlock()
	r.api.huma.OpenAPI().Paths[path].Post.RequestBody = &huma.RequestBody{Required: true, Content: body}
}

func addRoute[T, I, O any](r *Routes[T], op huma.Operation, handle handler[T, I, O], failures []*problem.Type) {
	op.OperationID = operationID(op.Method, op.Path)
	op.SkipValidateParams = true // handlers check values, and answer 400 where huma would answer 422
	op.Middlewares = huma.Middlewares{r.checkRequest}
	op.Responses = map[string]*huma.Response{"200": {Description: "Success.", Content: jsonContent[O](r.api)}}
	r.describeFailures(&op, failures)
	r.api.mu.Lock()
	defer r.api.mu.Unlock()
	huma.Register(r.api.huma, op, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		answer, err := handle(ctx, r.running.Load(), in)
		r.api.logAction(ctx, in, err)
		return &huma.StreamResponse{Body: func(c huma.Context) {
			_, w := humago.Unwrap(c)
			if err != nil {
				WriteError(w, err)
				return
			}
			WriteJSON(w, http.StatusOK, answer)
		}}, nil
	})
	delete(r.api.huma.OpenAPI().Components.Schemas.Map(), "ErrorModel") // huma's own problem, which no route answers
	delete(r.api.huma.OpenAPI().Components.Schemas.Map(), "ErrorDetail")
}

// describeFailures documents the problems of a route.
func (r *Routes[T]) describeFailures(op *huma.Operation, failures []*problem.Type) {
	failures = append(failures, problem.BadRequest, problem.Unauthorized, problem.Internal, problem.Unavailable)
	if strings.Contains(op.Path, "{") {
		failures = append(failures, problem.NotFound)
	}
	r.api.mu.Lock()
	defer r.api.mu.Unlock()
	problem.Admin.Describe(r.api.huma.OpenAPI(), op, failures...)
}

// jsonContent describes a body of type T, whose schema is kept once in the document.
func jsonContent[T any](a *API) map[string]*huma.MediaType {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := reflect.TypeFor[T]()
	return map[string]*huma.MediaType{mediaJSON: {Schema: a.huma.OpenAPI().Components.Schemas.Schema(t, true, t.Name())}}
}

// operationID names an operation after its path: "post-parked-id-retry".
func operationID(method, path string) string {
	return strings.ToLower(method) + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(path)
}

// checkRequest answers 503 before the service has started, and 400 to queries that no handler accepts.
func (r *Routes[T]) checkRequest(ctx huma.Context, next func(huma.Context)) {
	request, w := humago.Unwrap(ctx)
	if r.running.Load() == nil {
		WriteError(w, problem.Starting.Errorf("%s", r.starting))
		return
	}
	if err := readQuery(request); err != nil {
		WriteError(w, err)
		return
	}
	next(ctx)
}
