package core

import "context"

// Request says on whose behalf something is done. It travels in the context, so that every line of the log can name it.
type Request struct {
	Tenant        string
	CommandID     string
	CorrelationID string
}

type requestKey struct{}

// WithRequest returns a context in which everything is done on behalf of r.
func WithRequest(ctx context.Context, r Request) context.Context {
	return context.WithValue(ctx, requestKey{}, &r)
}

// RequestOf is what ctx was given by [WithRequest]; the zero Request where it was given nothing.
func RequestOf(ctx context.Context) Request {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return *r
	}
	return Request{}
}
