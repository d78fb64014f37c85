package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"orchestrix/shared/es"
	"orchestrix/shared/runtime"
)

// CommandExecutor executes the commands of [NewCommandAPI]; [runtime.Executor] implements it.
type CommandExecutor interface {
	Execute(ctx context.Context, c runtime.Command) (runtime.Result, error)
}

// QueryRouter answers the reads of [NewQueryAPI]; [runtime.Queries] implements it.
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

// Options configure an API. Zero values take the defaults.
type Options struct {
	Title          string        // of the OpenAPI document; "Orchestrix"
	Version        string        // of the program; "dev"
	License        string        // of the API, in its OpenAPI document: an SPDX identifier; "Apache-2.0"
	MaxBody        int64         // bytes of a command's body; 1 MiB
	MaxInFlight    int           // concurrent requests, waiting ones included; 1024
	RequestTimeout time.Duration // of one request, besides the wait that it asks for; 30 s
	Logger         *slog.Logger  // default: none
	// Async accepts the commands that are sent with Prefer: respond-async. Without it, the server ignores the preference, as
	// RFC 7240 allows.
	Async AsyncCommands
	// TraceID returns the id of a request's trace, for problem details; "" if there is none.
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
