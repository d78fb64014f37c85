package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"orchestrix/shared/clip"
	"orchestrix/shared/es"
	"orchestrix/shared/runtime"
	"orchestrix/shared/schema"
)

// queryAPI puts views, queries and streams on HTTP.
type queryAPI struct {
	*server
	registry *es.Registry
	schemas  *schema.Schemas
	router   QueryRouter
	asOf     atomic.Pointer[asOfText] // as of the newest answer
}

// NewQueryAPI returns the handler of the query service: every view, query and stream category of the
// registry, the OpenAPI document and its docs page. The error names a view whose field has the name of a
// parameter that every list has.
func NewQueryAPI(registry *es.Registry, schemas *schema.Schemas, router QueryRouter, o Options) (http.Handler, error) {
	a := &queryAPI{server: newServer(o, schemas.ReadTypes()), registry: registry, schemas: schemas, router: router}
	a.read("/v1/views/{view}", a.list)
	a.read("/v1/views/{view}/{key}", a.document)
	a.read("/v1/queries/{query}", a.query)
	a.read("/v1/streams/{category}/{id}", a.state)
	a.read("/v1/streams/{category}/{id}/events", a.history)
	if err := a.describe(); err != nil {
		return nil, err
	}
	return a.server, a.serveDocs()
}

// readRequest is what every read has.
type readRequest struct {
	*http.Request
	header http.Header // of the answer
	values url.Values
	wait   runtime.Wait
}

// read adds a GET route. A request that waits for a position has that much more time.
func (a *queryAPI) read(pattern string, do func(ctx context.Context, r readRequest) ([]byte, error)) {
	a.handle(http.MethodGet, pattern, func(w http.ResponseWriter, r *http.Request) ([]byte, error) {
		wait, err := waitFor(r.Header)
		if err != nil {
			return nil, err
		}
		values, err := queryValues(r.URL.RawQuery)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(r.Context(), a.options.RequestTimeout+wait.Timeout)
		defer cancel()
		w.Header().Set("Cache-Control", "no-cache")
		return do(ctx, readRequest{Request: r, header: w.Header(), values: values, wait: wait})
	})
}

// queryValues reads the query parameters strictly: what can't be read is not skipped.
func queryValues(raw string) (url.Values, error) {
	if raw == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, badQuery.because("the query string can't be read: " + err.Error())
	}
	for name, texts := range values {
		for _, text := range texts {
			if !es.IsText(name + text) {
				return nil, badQuery.because("a query parameter is not valid UTF-8 or contains U+0000")
			}
		}
	}
	return values, nil
}

// only refuses parameters other than these, and one that is given twice.
func only(values url.Values, names ...string) error {
	for name, texts := range values {
		if !slices.Contains(names, name) {
			takes := "none is taken here"
			if len(names) > 0 {
				takes = "there are: " + strings.Join(names, ", ")
			}
			return badQuery.because("there is no parameter " + quote(name) + "; " + takes)
		}
		if len(texts) > 1 {
			return badQuery.because("the parameter " + quote(name) + " is given more than once")
		}
	}
	return nil
}

// number reads a parameter between 1 and most, or returns otherwise where it is not given.
func number(values url.Values, name string, otherwise, least, most uint64) (uint64, error) {
	if !values.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(values.Get(name), 10, 64)
	if err != nil || n < least || n > most {
		return 0, badQuery.because(name + " must be a number from " + strconv.FormatUint(least, 10) + " to " + strconv.FormatUint(most, 10))
	}
	return n, nil
}

func quote(name string) string { return strconv.Quote(clip.Text(name, maxDetail)) }

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
		result, err := a.router.Query(ctx, name, es.DefaultTenant, params, r.wait)
		if err != nil {
			return nil, err
		}
		return es.Marshal(result)
	}
	names := make([]string, 0, len(a.registry.Queries()))
	for _, q := range a.registry.Queries() {
		names = append(names, q.Name)
	}
	return nil, unknown("query", name, names)
}
