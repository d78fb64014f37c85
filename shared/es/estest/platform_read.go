package estest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
)

// Read returns the document of a view under this key. A missing one ends the test.
func Read[D any](p *Running, view es.View[D], key string) D {
	p.t.Helper()
	document, err := p.document(view.Name, key)
	if errors.Is(err, core.ErrNotFound) {
		p.t.Fatalf("view %s has no document %q; it has %q", view.Name, key, p.keys(view.Name))
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return decodeInto[D](p, document.Data)
}

// ReadNone expects that a view has no document under this key.
func ReadNone[D any](p *Running, view es.View[D], key string) {
	p.t.Helper()
	document, err := p.document(view.Name, key)
	if err == nil {
		p.t.Fatalf("view %s has the document %q, expected none: %s", view.Name, key, document.Data)
	}
	if !errors.Is(err, core.ErrNotFound) {
		p.t.Fatal(err)
	}
}

// List returns the documents of a view that the query selects, in its order. A query without a limit returns up to
// 1000.
func List[D any](p *Running, view es.View[D], q es.ListQuery) []D {
	p.t.Helper()
	page := p.list(view.Name, q)
	documents := make([]D, len(page.Items))
	for i, item := range page.Items {
		documents[i] = decodeInto[D](p, item.Data)
	}
	return documents
}

// Ask runs a query, as a client does over HTTP: a parameter that is zero and not required is left out and gets its default. An
// error of the query ends the test.
func Ask[P, R any](p *Running, q es.Query[P, R], params P) R {
	p.t.Helper()
	var answer any
	p.must("ask query "+q.Name, func(ctx context.Context) (err error) {
		for _, t := range p.registry.Queries() {
			if t.Name == q.Name {
				answer, err = p.ask(ctx, t, params)
				return err
			}
		}
		return errors.New("no module of this platform has it")
	})
	return decodeInto[R](p, encode(p.t, answer))
}

// State returns the state of an aggregate, folded from the log; that of an aggregate without events is the initial one.
func State[S any](p *Running, decider es.Decider[S], id string) (state S) {
	p.t.Helper()
	p.must("read the state of "+decider.Category, func(ctx context.Context) error {
		a, ok := p.registry.Aggregate(decider.Category)
		if !ok {
			return errors.New("no module of this platform has it")
		}
		value, err := p.parts.executor.LoadState(ctx, a, es.Stream{Tenant: p.tenant, Category: decider.Category, ID: id}, 0, true)
		state, _ = value.(S)
		return err
	})
	return state
}

func (p *Running) ask(ctx context.Context, q *core.QueryType, params any) (any, error) {
	values, err := p.queryValues(q, params)
	if err != nil {
		return nil, err
	}
	checked, err := p.schemas.Params(q, values)
	if err != nil {
		return nil, err
	}
	return p.parts.queries.Query(ctx, q.Name, p.tenant, checked, query.Wait{})
}

// queryValues returns the parameters in the form that a client gives them in a URL.
func (p *Running) queryValues(q *core.QueryType, params any) (url.Values, error) {
	data, err := core.Marshal(params)
	if err != nil {
		return nil, err
	}
	var given map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	if err := decoder.Decode(&given); err != nil {
		return nil, err
	}
	values := url.Values{}
	for _, param := range p.schemas.QueryParams(q) {
		switch value := given[param.Name].(type) {
		case nil:
		case []any:
			for _, item := range value {
				values.Add(param.Name, fmt.Sprint(item))
			}
		default:
			text := fmt.Sprint(value)
			if isZero := text == "" || text == "0" || text == "false"; !isZero || param.Required {
				values.Set(param.Name, text)
			}
		}
	}
	return values, nil
}

func (p *Running) document(view, key string) (document core.Document, err error) {
	p.t.Helper()
	p.must("read view "+view, func(ctx context.Context) error {
		document, _, err = p.parts.queries.Document(ctx, view, p.tenant, key, query.Wait{})
		return nil
	})
	return document, err
}

func (p *Running) list(view string, q es.ListQuery) (page core.Page) {
	p.t.Helper()
	if q.Limit == 0 {
		q.Limit = core.MaxListLimit
	}
	p.must("list view "+view, func(ctx context.Context) (err error) {
		page, _, err = p.parts.queries.List(ctx, view, p.tenant, q, query.Wait{})
		return err
	})
	return page
}

func (p *Running) keys(view string) (keys []string) {
	p.t.Helper()
	for _, item := range p.list(view, es.ListQuery{Limit: 20}).Items {
		keys = append(keys, item.Key)
	}
	return keys
}

func decodeInto[T any](p *Running, data []byte) (value T) {
	p.t.Helper()
	if err := core.Unmarshal(data, &value); err != nil {
		p.t.Fatalf("%s is no %T: %v", data, value, err)
	}
	return value
}
