package core

import "context"

// Request identifies the request that is being handled. It is part of the context, so that each log line can name it.
type Request struct {
	Tenant        string
	CommandID     string
	CorrelationID string
}

type requestKey struct{}

// WithRequest returns a context that carries r.
func WithRequest(ctx context.Context, r Request) context.Context {
	return context.WithValue(ctx, requestKey{}, &r)
}

// RequestOf returns the request that ctx carries, or the zero Request.
func RequestOf(ctx context.Context) Request {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return *r
	}
	return Request{}
}
