package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"orchestrix/shared/es"
	"orchestrix/shared/runtime"
)

// CommandExecutor is what [NewCommandAPI] puts on HTTP; [runtime.Executor] is one.
type CommandExecutor interface {
	Execute(ctx context.Context, c runtime.Command) (runtime.Result, error)
}

// QueryRouter is what [NewQueryAPI] puts on HTTP; [runtime.Queries] is one.
type QueryRouter interface {
	Document(ctx context.Context, view, tenant, key string, w runtime.Wait) (es.Document, runtime.Freshness, error)
	List(ctx context.Context, view, tenant string, l es.ListQuery, w runtime.Wait) (es.Page, runtime.Freshness, error)
	Query(ctx context.Context, name, tenant string, params json.RawMessage, w runtime.Wait) (any, error)
	State(ctx context.Context, s es.Stream, m runtime.Moment, w runtime.Wait) (runtime.State, error)
	History(ctx context.Context, s es.Stream, after es.Version, limit int, w runtime.Wait) ([]es.CloudEvent, bool, error)
}

var (
	_ CommandExecutor = (*runtime.Executor)(nil)
	_ QueryRouter     = (*runtime.Queries)(nil)
)

// Options are the settings of an API. Zero values stand for the defaults.
type Options struct {
	Title          string        // of the OpenAPI document; "Orchestrix"
	Version        string        // of the program; "dev"
	License        string        // of the API, in its OpenAPI document: an SPDX identifier; "Apache-2.0"
	MaxBody        int64         // bytes of a command's body; 1 MiB
	MaxInFlight    int           // requests at one time, those that wait included; 1024
	RequestTimeout time.Duration // for one request, without the time that it asks to wait; 30 s
	Logger         *slog.Logger  // nothing is logged without one
	// Async takes the commands that are sent with Prefer: respond-async. Without it they are executed at once, as RFC 7240
	// allows.
	Async AsyncCommands
	// TraceID names the trace of a request, for problem details and logs; "" where there is none.
	TraceID func(context.Context) string
}

func (o Options) withDefaults() Options {
	if o.Title == "" {
		o.Title = "Orchestrix"
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.License == "" {
		o.License = "Apache-2.0"
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	if o.MaxInFlight <= 0 {
		o.MaxInFlight = 1024
	}
	if o.RequestTimeout <= 0 {
		o.RequestTimeout = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.TraceID == nil {
		o.TraceID = func(context.Context) string { return "" }
	}
	return o
}
