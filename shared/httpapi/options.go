package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/cloudevents"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
)

// CommandExecutor executes the commands of [NewCommandAPI]; [command.Executor] implements it.
type CommandExecutor interface {
	Execute(ctx context.Context, c runtime.Command) (runtime.Result, error)
}

// QueryRouter answers the reads of [NewQueryAPI]; [query.Queries] implements it.
type QueryRouter interface {
	Document(ctx context.Context, view, tenant, key string, w query.Wait) (core.Document, query.Freshness, error)
	List(ctx context.Context, view, tenant string, l core.ListQuery, w query.Wait) (core.Page, query.Freshness, error)
	Query(ctx context.Context, name, tenant string, params json.RawMessage, w query.Wait) (any, error)
	State(ctx context.Context, s core.Stream, m query.PointInTime, w query.Wait) (query.State, error)
	History(ctx context.Context, s core.Stream, after core.Version, limit int, w query.Wait) ([]cloudevents.CloudEvent, bool, error)
}

var (
	_ CommandExecutor = (*command.Executor)(nil)
	_ QueryRouter     = (*query.Queries)(nil)
)

// DefaultMaxBody is the default of Options.MaxBody: 1 MiB.
const DefaultMaxBody = 1 << 20

// Options configure an API. Zero values take the defaults.
type Options struct {
	Title          string        // of the OpenAPI document; "Orchestrix"
	Version        string        // of the program; "dev"
	License        string        // of the API, in its OpenAPI document: an SPDX identifier; "": the document names none
	MaxBody        int64         // bytes of a request's body; DefaultMaxBody
	MaxInFlight    int           // concurrent requests, without those that wait for a position; 1024
	MaxWaiting     int           // requests that wait for a position; 1024
	MaxBytes       int64         // bytes of all bodies and answers beyond the first 16 KiB of each; DefaultMaxBytes
	RequestTimeout time.Duration // of one request, besides the wait that it asks for; 30 s
	Logger         *slog.Logger  // default: none
	// Async accepts the commands that are sent with Prefer: respond-async. Without it, the server ignores the preference, as
	// RFC 7240 allows.
	Async AsyncCommands
	// Wrap returns a handler around all routes; nil: none. It is inside the limits, and its panics are answered too.
	Wrap func(http.Handler) http.Handler
	// Routes are further routes.
	Routes []Route
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
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.MaxInFlight <= 0 {
		o.MaxInFlight = 1024
	}
	if o.MaxWaiting <= 0 {
		o.MaxWaiting = 1024
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
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
