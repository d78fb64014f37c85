package platform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/service"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

// Hooks are what a program adds to its services. The zero value adds nothing.
type Hooks struct {
	// Title, Version and License are what the OpenAPI documents say about the program: see [httpapi.Options].
	Title, Version, License string
	Wrap                    func(http.Handler) http.Handler // around the HTTP APIs of the command and the query service; nil: none
	Routes                  []Route
	Parts                   []Part
}

// Route is a further route of the HTTP API of a service. Its requests share the limits of all others: requests in flight, 1 MiB
// and 10 s for the body; its context ends after 30 s. A panic is answered with status 500.
type Route struct {
	Service string // "command" or "query"
	// Pattern is one of [http.ServeMux], such as "POST /webhooks/{source}". It begins with a fixed segment that is none of the
	// platform's own: v1, docs, openapi.json, openapi.yaml.
	Pattern string
	// Handler returns the handler. It is called once, when the service starts.
	Handler func(Env) http.Handler
}

// Part is a part of the program that runs beside a service.
type Part struct {
	Service string // "command", "projection", "query" or "process"
	Name    string // for errors and log lines
	// Run runs until ctx ends, and then returns. The service waits for it. An error, or a return before the end of ctx, stops the
	// service.
	Run func(ctx context.Context, env Env) error
}

// Env is what the hooks of a service get.
type Env struct {
	Service string
	Logger  *slog.Logger
	// Client sends requests to the HTTP API of the service, inside the process: Client.Get("/v1/views/orders"). They have the
	// same limits and checks as requests from outside, don't pass Wrap, and reach no further routes. In the handler of a route,
	// give them the context of its request: they then count as one request in flight together. The projection and the process
	// service have no HTTP API: every request fails there.
	Client *http.Client
}

// allServices are the names of the services; the first two have an HTTP API.
var allServices = []string{CommandUser, QueryUser, ProjectionUser, ProcessUser}

// Check returns an error that lists every fault of the hooks.
func (h Hooks) Check() error {
	var errs []error
	for _, name := range allServices[:2] {
		var patterns []string
		for _, r := range h.Routes {
			if r.Service == name {
				patterns = append(patterns, r.Pattern)
			}
		}
		errs = append(errs, httpapi.CheckPatterns(patterns))
	}
	for _, r := range h.Routes {
		if !slices.Contains(allServices[:2], r.Service) {
			errs = append(errs, fmt.Errorf("route %q: its service is %q, it may be command or query", r.Pattern, r.Service))
		}
		if r.Handler == nil {
			errs = append(errs, fmt.Errorf("route %q: it has no Handler", r.Pattern))
		}
	}
	seen := map[[2]string]bool{}
	for _, p := range h.Parts {
		name := [2]string{p.Service, p.Name}
		switch {
		case p.Name == "":
			errs = append(errs, fmt.Errorf("a part of %q has no Name", p.Service))
		case !slices.Contains(allServices, p.Service):
			errs = append(errs, fmt.Errorf("part %q: its service is %q, it may be command, projection, query or process", p.Name, p.Service))
		case p.Run == nil:
			errs = append(errs, fmt.Errorf("part %q of %s: it has no Run", p.Name, p.Service))
		case seen[name]:
			errs = append(errs, fmt.Errorf("part %q of %s: it is there twice", p.Name, p.Service))
		}
		seen[name] = true
	}
	return errors.Join(errs...)
}

// extension is what the hooks add to one service that runs.
type extension struct {
	hooks  Hooks
	env    Env
	inside *loopback
}

// extend returns the extension of the service of env.
func (h Hooks) extend(env service.Env) extension {
	inside := &loopback{service: env.Name}
	return extension{hooks: h, env: Env{Service: env.Name, Logger: env.Logger, Client: &http.Client{Transport: inside}}, inside: inside}
}

// apiOptions returns the options of the API that the command and the query service share.
func (e extension) apiOptions(env service.Env, config service.HTTP) (httpapi.Options, error) {
	o := httpapi.Options{Title: e.hooks.Title, Version: e.hooks.Version, License: e.hooks.License, MaxInFlight: config.MaxInFlight, MaxBytes: config.MaxBytesInFlight, Logger: env.Logger, TraceID: tracing.ID, Wrap: e.hooks.Wrap}
	for _, r := range e.hooks.Routes {
		if r.Service != e.env.Service {
			continue
		}
		h := r.Handler(e.env)
		if h == nil {
			return o, fmt.Errorf("route %q: its Handler returned nil", r.Pattern)
		}
		o.Routes = append(o.Routes, httpapi.Route{Pattern: r.Pattern, Handler: h})
	}
	return o, nil
}

// parts are the parts of the service. They stop after the HTTP server, whose routes may use them.
func (e extension) parts() (parts []service.Part) {
	for _, p := range e.hooks.Parts {
		if p.Service == e.env.Service {
			parts = append(parts, service.Part{Name: p.Name, Run: func(ctx context.Context) error { return e.runPart(ctx, p) }})
		}
	}
	return parts
}

// runPart turns a panic of a part into its error, so that the other parts stop in order, and the error names the part.
func (e extension) runPart(ctx context.Context, p Part) (err error) {
	defer func() {
		if r := recover(); r != nil {
			e.env.Logger.ErrorContext(ctx, "a part panicked", "part", p.Name, "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return p.Run(ctx, e.env)
}

// connsPerRequest is how many connections may be open for each request that may be in flight: most of them are idle, or wait.
const connsPerRequest = 4

// serve returns the part that serves the API to clients, and connects the client of the hooks.
func (e extension) serve(env service.Env, config service.HTTP, listener net.Listener, api httpapi.API) (service.Part, error) {
	guarded, err := service.WebGuard{Origins: config.TrustedOrigins, Hosts: env.Hosts}.Protect(api)
	if err != nil {
		return service.Part{}, err
	}
	measured := env.Admin.Metrics.HTTP.Handler
	env.Admin.Metrics.HTTPLoad(api.Load)
	e.inside.connect(measured(api.Inside, true)) // the trace is that of a request that was sampled before
	server := service.HTTPServer{
		Name: "http", Listener: listener, Handler: measured(guarded, config.TrustTraceSampling), Delay: env.Common.ShutdownDelay,
		Logger: env.Logger, MaxConns: connsPerRequest * config.MaxInFlight,
	}
	return server.Part(), nil
}
