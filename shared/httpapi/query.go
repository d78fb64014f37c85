package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/problem"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

// queryAPI serves views, queries and streams over HTTP.
type queryAPI struct {
	*server
	registry *core.Registry
	schemas  *schema.Schemas
	router   QueryRouter
	asOf     atomic.Pointer[asOfText] // of the most recent answer
}

// NewQueryAPI returns the handler of the query service: every view, query and stream category of the registry, the OpenAPI
// document and its docs page. It returns an error if a view has a field named like a parameter of every list.
func NewQueryAPI(registry *core.Registry, schemas *schema.Schemas, router QueryRouter, o Options) (API, error) {
	a := &queryAPI{server: newServer(o, schemas.ReadTypes()), registry: registry, schemas: schemas, router: router}
	a.read("/v1/views/{view}", a.list)
	a.read("/v1/views/{view}/{key}", a.document)
	a.read("/v1/queries/{query}", a.query)
	a.read("/v1/streams/{category}/{id}", a.state)
	a.read("/v1/streams/{category}/{id}/events", a.history)
	if err := a.describe(); err != nil {
		return API{}, err
	}
	return a.api()
}

// readRequest is a parsed read.
type readRequest struct {
	*http.Request
	header http.Header // of the response
	values url.Values
	wait   query.Wait
}

// read adds a GET route. The wait for a position extends the timeout of the request.
func (a *queryAPI) read(pattern string, do func(ctx context.Context, r readRequest) ([]byte, error)) {
	a.handle(http.MethodGet, pattern, func(w http.ResponseWriter, r *http.Request) (int, []byte, error) {
		wait, err := waitFor(r.Header)
		if err != nil {
			return 0, nil, err
		}
		values, err := queryValues(r.URL.RawQuery)
		if err != nil {
			return 0, nil, err
		}
		ctx, cancel := context.WithTimeout(r.Context(), a.options.RequestTimeout+wait.Timeout)
		defer cancel()
		wait.Aside = asideOf(ctx)
		w.Header().Set("Cache-Control", "no-cache")
		body, err := do(ctx, readRequest{Request: r, header: w.Header(), values: values, wait: wait})
		return http.StatusOK, body, err
	})
}

// queryValues parses the query parameters. Malformed ones are an error, not ignored.
func queryValues(raw string) (url.Values, error) {
	if raw == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, problem.BadQuery.Errorf("the query string is malformed: %v", err)
	}
	for name, texts := range values {
		for _, text := range texts {
			if !core.IsText(name + text) {
				return nil, problem.BadQuery.Errorf("a query parameter is not valid UTF-8 or contains U+0000")
			}
		}
	}
	return values, nil
}

// only rejects other parameters than these, and repeated ones.
func only(values url.Values, names ...string) error {
	for name, texts := range values {
		if !slices.Contains(names, name) {
			known := "this resource has none"
			if len(names) > 0 {
				known = "there are: " + strings.Join(names, ", ")
			}
			return problem.BadQuery.Errorf("there is no parameter %s; %s", quote(name), known)
		}
		if len(texts) > 1 {
			return problem.BadQuery.Errorf("the parameter %s occurs more than once", quote(name))
		}
	}
	return nil
}

// number reads a parameter between least and most. It returns otherwise if the parameter is missing.
func number(values url.Values, name string, otherwise, least, most uint64) (uint64, error) {
	if !values.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(values.Get(name), 10, 64)
	if err != nil || n < least || n > most {
		return 0, problem.BadQuery.Errorf("%s must be a number from %d to %d", name, least, most)
	}
	return n, nil
}

func quote(name string) string { return strconv.Quote(problem.Truncate(name)) }

// query runs a module's query.
func (a *queryAPI) query(ctx context.Context, r readRequest) ([]byte, error) {
	name := r.PathValue("query")
	for _, q := range a.registry.Queries() {
		if q.Name != name {
			continue
		}
		params, err := a.schemas.Params(q, r.values)
		if err != nil {
			return nil, err
		}
		result, err := a.router.Query(ctx, name, core.DefaultTenant, params, r.wait)
		if err != nil {
			return nil, err
		}
		return core.Marshal(result)
	}
	names := make([]string, 0, len(a.registry.Queries()))
	for _, q := range a.registry.Queries() {
		names = append(names, q.Name)
	}
	return nil, unknown("query", name, names)
}
