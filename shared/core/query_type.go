package core

import (
	"context"
	"reflect"
)

// Views reads the documents of one tenant for a query. Where the request names a position, the views have reached it.
type Views interface {
	// Get returns one document, or [ErrNotFound].
	Get(ctx context.Context, view, key string) (Document, error)
	// List returns documents in a stable order, or [ErrBadQuery].
	List(ctx context.Context, view string, q ListQuery) (Page, error)
}

// QueryType is a query without its type parameters, as the engine uses it.
type QueryType struct {
	Module string
	Name   string
	Doc    string // one line about the answer, for OpenAPI; may be empty
	Params reflect.Type
	Result reflect.Type

	// Run decodes the parameters, a JSON object without unknown fields, and runs the query. The error wraps
	// [ErrBadPayload] where they can't be decoded.
	Run func(ctx context.Context, views Views, params []byte) (any, error)
}
