package es

import (
	"context"
	"fmt"
	"reflect"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Query defines a read that a module offers besides the lists of its views.
//
// P holds the parameters: a struct whose tags are JSON name, validation and default of each query parameter of a request. R
// is the answer, returned as JSON.
type Query[P, R any] struct {
	Name string // "top-customers"
	Doc  string // one line that describes the answer: the summary of its operation in OpenAPI
	Run  func(ctx context.Context, views Views, params P) (R, error)
}

// Get reads one document of a view. It returns [ErrNotFound] where none has the key.
func Get[D any](ctx context.Context, views Views, view, key string) (D, error) {
	var d D
	document, err := views.Get(ctx, view, key)
	if err != nil {
		return d, err
	}
	err = core.Unmarshal(document.Data, &d)
	return d, err
}

// List reads one page of a view, in the order of q. It returns [ErrBadQuery] where the view does not offer what q names.
func List[D any](ctx context.Context, views Views, view string, q ListQuery) ([]D, error) {
	page, err := views.List(ctx, view, q)
	if err != nil {
		return nil, err
	}
	documents := make([]D, len(page.Items))
	for i, item := range page.Items {
		if err := core.Unmarshal(item.Data, &documents[i]); err != nil {
			return nil, fmt.Errorf("view %s, document %q: %w", view, item.Key, err)
		}
	}
	return documents, nil
}

// QueryDef is a [Query] of any parameters and result.
type QueryDef interface {
	compile(module string) (*core.QueryType, error)
}

func (q Query[P, R]) compile(module string) (*core.QueryType, error) {
	params := reflect.TypeFor[P]()
	if err := core.CheckToken("query", q.Name); err != nil {
		return nil, err
	}
	if params.Kind() != reflect.Struct {
		return nil, fmt.Errorf("query %q takes a %v: parameters are a struct", q.Name, params)
	}
	return &core.QueryType{
		Module: module, Name: q.Name, Doc: q.Doc, Params: params, Result: reflect.TypeFor[R](),
		Run: func(ctx context.Context, views Views, data []byte) (any, error) {
			var p P
			if err := core.UnmarshalStrict(data, &p); err != nil {
				return nil, fmt.Errorf("query %s: %w", q.Name, err)
			}
			return q.Run(ctx, views, p)
		},
	}, nil
}
