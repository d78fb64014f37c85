package core

import (
	"context"
	"reflect"
)

// Views is the read side as a query sees it: that of one tenant, and, where the request names a position,
// not before the views have reached it.
type Views interface {
	// Get returns one document, or [ErrNotFound].
	Get(ctx context.Context, view, key string) (Document, error)
	// List returns documents in a stable order, or [ErrBadQuery].
	List(ctx context.Context, view string, q ListQuery) (Page, error)
}

// QueryType is a query with its type parameters erased: what the runtime works with.
type QueryType struct {
	Module string
	Name   string
	Doc    string // what it answers; empty where the module does not say
	Params reflect.Type
	Result reflect.Type

	// Run decodes the parameters, a JSON object without unknown fields, and runs the query. The error wraps
	// [ErrBadPayload] where they can't be decoded.
	Run func(ctx context.Context, views Views, params []byte) (any, error)
}
