package es

import (
	"context"
	"fmt"
	"reflect"
)

// Query is a typed read that a module offers besides its views' own lists.
//
// P is a struct whose fields carry their JSON name, validation and default in their tags; a request gives
// them as query parameters. R is what it answers, as JSON.
type Query[P, R any] struct {
	Name string // "top-customers"
	Doc  string // one line that says what it answers: the summary of its operation in OpenAPI
	Run  func(ctx context.Context, views Views, params P) (R, error)
}

// Views is the read side as a query sees it: that of one tenant, and, where the request names a position,
// not before the views have reached it.
type Views interface {
	// Get returns one document, or [ErrNotFound].
	Get(ctx context.Context, view, key string) (Document, error)
	// List returns documents in a stable order, or [ErrBadQuery].
	List(ctx context.Context, view string, q ListQuery) (Page, error)
}

// Get reads one document of a view. Its errors are those of [Views.Get].
func Get[D any](ctx context.Context, views Views, view, key string) (D, error) {
	var d D
	document, err := views.Get(ctx, view, key)
	if err != nil {
		return d, err
	}
	err = Unmarshal(document.Data, &d)
	return d, err
}

// List reads one page of a view, in its order. Its errors are those of [Views.List].
func List[D any](ctx context.Context, views Views, view string, q ListQuery) ([]D, error) {
	page, err := views.List(ctx, view, q)
	if err != nil {
		return nil, err
	}
	documents := make([]D, len(page.Items))
	for i, item := range page.Items {
		if err := Unmarshal(item.Data, &documents[i]); err != nil {
			return nil, fmt.Errorf("view %s, document %q: %w", view, item.Key, err)
		}
	}
	return documents, nil
}

// QueryType is a query with its type parameters erased: what the runtime works with.
type QueryType struct {
	Module string
	Name   string
	Doc    string // what it answers; empty where the module does not say
	Params reflect.Type
	Result reflect.Type

	run func(ctx context.Context, views Views, params []byte) (any, error)
}

// Run decodes the parameters, a JSON object without unknown fields, and runs the query. The error wraps
// [ErrBadPayload] where they can't be decoded.
func (q *QueryType) Run(ctx context.Context, views Views, params []byte) (any, error) {
	return q.run(ctx, views, params)
}

// QueryDef is a [Query] of any parameters and result.
type QueryDef interface {
	compile(module string) (*QueryType, error)
}

func (q Query[P, R]) compile(module string) (*QueryType, error) {
	params := reflect.TypeFor[P]()
	if err := CheckToken("query", q.Name); err != nil {
		return nil, err
	}
	if params.Kind() != reflect.Struct {
		return nil, fmt.Errorf("query %q takes a %v: parameters are a struct", q.Name, params)
	}
	return &QueryType{
		Module: module, Name: q.Name, Doc: q.Doc, Params: params, Result: reflect.TypeFor[R](),
		run: func(ctx context.Context, views Views, data []byte) (any, error) {
			var p P
			if err := UnmarshalStrict(data, &p); err != nil {
				return nil, fmt.Errorf("query %s: %w", q.Name, err)
			}
			return q.Run(ctx, views, p)
		},
	}, nil
}
