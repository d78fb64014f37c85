package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"orchestrix/shared/es"
	"orchestrix/shared/runtime"
	"orchestrix/shared/schema"
)

// CommandAnswer is the answer to an accepted command.
type CommandAnswer struct {
	Stream    string     `json:"stream" doc:"The stream's name." example:"order-10248"`
	Version   es.Version `json:"version" doc:"Of the stream after the command." example:"2"`
	Position  string     `json:"position" doc:"Where the commit stands in the log: reads that name it in Orchestrix-Position see it." example:"3-1042"`
	CommandID string     `json:"command_id" doc:"The Idempotency-Key, generated where the request had none." example:"0191a0de-7b2c-7c3e-9f43-6f1d0c1f7a55"`
	Events    []string   `json:"events" doc:"The kinds of the events; empty where nothing was to change." example:"[\"OrderShipped\"]"`
}

// commandAPI puts commands on HTTP.
type commandAPI struct {
	*server
	registry *es.Registry
	schemas  *schema.Schemas
	executor CommandExecutor
}

// NewCommandAPI returns the handler of the command service: every command of the registry, the OpenAPI
// document and its docs page. The error says that the document can't be made.
func NewCommandAPI(registry *es.Registry, schemas *schema.Schemas, executor CommandExecutor, o Options) (http.Handler, error) {
	a := &commandAPI{server: newServer(o, schemas.CommandTypes()), registry: registry, schemas: schemas, executor: executor}
	a.handleStatus(http.MethodPost, "/v1/commands/{category}/{id}/{command}", a.execute)
	if a.options.Async != nil {
		a.handle(http.MethodGet, "/v1/commands/{command_id}", a.outcome)
	}
	if err := a.describe(); err != nil {
		return nil, err
	}
	return a.server, a.serveDocs()
}

func (a *commandAPI) execute(w http.ResponseWriter, r *http.Request) (int, []byte, error) {
	command, err := a.command(w, r)
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.options.RequestTimeout)
	defer cancel()
	if a.options.Async != nil && prefersAsync(r.Header) {
		body, err := a.submit(ctx, w.Header(), command)
		return http.StatusAccepted, body, err
	}
	result, err := a.executor.Execute(ctx, command)
	if err != nil {
		return 0, nil, err
	}
	body, err := answer(w.Header(), result)
	return http.StatusOK, body, err
}

// command reads and checks the request.
func (a *commandAPI) command(w http.ResponseWriter, r *http.Request) (runtime.Command, error) {
	t, err := a.commandType(r.PathValue("category"), r.PathValue("command"))
	if err != nil {
		return runtime.Command{}, err
	}
	command := runtime.Command{
		Stream: es.Stream{Tenant: es.DefaultTenant, Category: t.Aggregate.Category, ID: r.PathValue("id")},
		Name:   t.Name,
	}
	if err := command.Stream.Check(); err != nil {
		return runtime.Command{}, err
	}
	if r.URL.RawQuery != "" {
		return runtime.Command{}, badQuery.because("a command takes no query parameters")
	}
	if command.ID, err = commandID(r.Header); err != nil {
		return runtime.Command{}, err
	}
	behalf(r, command.Stream.Tenant, command.ID)
	w.Header().Set(headerCommandID, command.ID) // also on a failure, after which the client may try again
	if command.IfMatch, err = ifMatch(r.Header); err != nil {
		return runtime.Command{}, err
	}
	if command.Body, err = a.readBody(w, r); err != nil {
		return runtime.Command{}, err
	}
	command.Payload, err = a.schemas.DecodeCommand(t, command.Body)
	return command, err
}

// behalf lets everything that is logged from here on say which command it is about, by those as well who have r already.
func behalf(r *http.Request, tenant, commandID string) {
	*r = *r.WithContext(es.WithRequest(r.Context(), es.Request{Tenant: tenant, CommandID: commandID, CorrelationID: commandID}))
}

// answer is the body of an accepted command, with its headers.
func answer(h http.Header, result runtime.Result) ([]byte, error) {
	h.Set("Cache-Control", "no-store")
	position := result.Position.String()
	h.Set(headerETag, quoted(result.Version.String()))
	h.Set(headerPosition, position)
	if result.Repeated {
		h.Set(headerRepeated, "true")
	}
	events := result.Events
	if events == nil {
		events = []string{}
	}
	return es.Marshal(CommandAnswer{
		Stream: result.Stream.String(), Version: result.Version, Position: position,
		CommandID: result.CommandID, Events: events,
	})
}

// commandType finds the command that the path names, which clients may send. What it says of an unknown one names those that exist.
func (a *commandAPI) commandType(category, name string) (*es.CommandType, error) {
	aggregate, ok := a.registry.Aggregate(category)
	if _, process := a.registry.ProcessOf(category); !ok || process { // a process takes no command from outside
		return nil, noCategory(a.registry, category, false)
	}
	command, ok := aggregate.Command(name)
	if !ok {
		var names []string
		for _, c := range aggregate.Offered() {
			names = append(names, c.Name)
		}
		return nil, unknown("command of "+category, name, names)
	}
	if command.Internal {
		return nil, internalCommand.because("command " + quote(name) + " of " + category + " is a step of a process: it comes over the bus alone")
	}
	return command, nil
}

func noCategory(registry *es.Registry, category string, processes bool) error {
	names := make([]string, 0, len(registry.Aggregates()))
	for _, a := range registry.Aggregates() {
		if _, process := registry.ProcessOf(a.Category); processes || !process {
			names = append(names, a.Category)
		}
	}
	return unknown("category", category, names)
}

func unknown(what, name string, names []string) error {
	slices.Sort(names)
	if len(name) > es.MaxTokenLength {
		name = name[:es.MaxTokenLength] + "…"
	}
	known := "there are: " + strings.Join(names, ", ")
	if len(names) == 0 {
		known = "there is none"
	}
	return unknownName.because("there is no " + what + " " + quote(name) + "; " + known)
}

// commandID is the Idempotency-Key, or a new UUID of version 7 where there is none.
func commandID(h http.Header) (string, error) {
	id, ok, err := single(h, headerCommandID)
	if err != nil {
		return "", err
	}
	if !ok {
		fresh, err := uuid.NewV7()
		return fresh.String(), err
	}
	return id, es.CheckCommandID(id)
}
