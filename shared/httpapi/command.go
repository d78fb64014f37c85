package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/problem"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

// CommandAnswer is the answer to an accepted command.
type CommandAnswer struct {
	Stream    string       `json:"stream" doc:"The stream's name." example:"order-10248"`
	Version   core.Version `json:"version" doc:"Of the stream after the command." example:"2"`
	Position  string       `json:"position" doc:"The position of the commit in the log: reads that name it in Orchestrix-Position include the commit." example:"3-1042"`
	CommandID string       `json:"command_id" doc:"The Idempotency-Key, generated if the request had none." example:"0191a0de-7b2c-7c3e-9f43-6f1d0c1f7a55"`
	Events    []string     `json:"events" doc:"The kinds of the events; empty if the command changed nothing." example:"[\"OrderShipped\"]"`
}

// commandAPI serves commands over HTTP.
type commandAPI struct {
	*server
	registry *core.Registry
	schemas  *schema.Schemas
	executor CommandExecutor
	offered  map[commandName]*core.CommandType // the commands that clients may send
}

type commandName struct{ category, command string }

// NewCommandAPI returns the handler of the command service: every command of the registry, the OpenAPI document and its docs
// page. It returns an error if the OpenAPI document can't be built.
func NewCommandAPI(registry *core.Registry, schemas *schema.Schemas, executor CommandExecutor, o Options) (API, error) {
	a := &commandAPI{server: newServer(o, schemas.CommandTypes()), registry: registry, schemas: schemas, executor: executor, offered: map[commandName]*core.CommandType{}}
	for _, aggregate := range registry.Aggregates() {
		if _, process := registry.ProcessOf(aggregate.Category); process {
			continue // a process accepts no command of clients
		}
		for _, c := range aggregate.Offered() {
			a.offered[commandName{aggregate.Category, c.Name}] = c
		}
	}
	a.handle(http.MethodPost, "/v1/commands/{category}/{id}/{command}", a.execute)
	if a.options.Async != nil {
		a.handle(http.MethodGet, "/v1/commands/{command_id}", a.status)
	}
	if err := a.describe(); err != nil {
		return API{}, err
	}
	return a.api()
}

// execute answers POST /v1/commands/{category}/{id}/{command}.
func (a *commandAPI) execute(w http.ResponseWriter, r *http.Request) (int, []byte, error) {
	command, err := a.readCommand(w, r)
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
	body, err := commandBody(w.Header(), result)
	return http.StatusOK, body, err
}

// readCommand reads and checks the request. The command's names, ids and body are not checked again later.
func (a *commandAPI) readCommand(w http.ResponseWriter, r *http.Request) (runtime.Command, error) {
	name := commandName{r.PathValue("category"), r.PathValue("command")}
	t := a.offered[name]
	if t == nil {
		return runtime.Command{}, a.notOffered(name)
	}
	command := runtime.Command{
		Stream: core.Stream{Tenant: core.DefaultTenant, Category: t.Aggregate.Category, ID: r.PathValue("id")},
		Name:   t.Name, Type: t, Origin: core.Origin{Sender: port.CommandSender},
	}
	err := core.CheckToken("id", command.Stream.ID)
	if err != nil {
		return runtime.Command{}, err
	}
	if r.URL.RawQuery != "" {
		return runtime.Command{}, problem.BadQuery.Errorf("a command has no query parameters")
	}
	if command.ID, err = commandID(r.Header); err != nil {
		return runtime.Command{}, err
	}
	withCommandContext(r, command.Stream.Tenant, command.ID)
	w.Header().Set(headerCommandID, command.ID) // also on a failure, after which the client may send the command again
	if command.IfMatch, err = ifMatch(r.Header); err != nil {
		return runtime.Command{}, err
	}
	if command.Body, err = a.readBody(r); err != nil {
		return runtime.Command{}, err
	}
	command.Payload, err = a.schemas.DecodeCommand(t, command.Body)
	return command, err
}

// withCommandContext adds the command to the context of the request, so that every log line about the request names it. It
// changes r itself, for the callers that hold r already.
func withCommandContext(r *http.Request, tenant, commandID string) {
	*r = *r.WithContext(core.WithRequest(r.Context(), core.Request{Tenant: tenant, CommandID: commandID, CorrelationID: commandID}))
}

// commandBody returns the body of the answer to an accepted command, and sets its headers.
func commandBody(h http.Header, result runtime.Result) ([]byte, error) {
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
	return core.Marshal(CommandAnswer{
		Stream: result.Stream.String(), Version: result.Version, Position: position,
		CommandID: result.CommandID, Events: events,
	})
}

// notOffered returns the error for a command that clients can't send. It lists those that they can.
func (a *commandAPI) notOffered(name commandName) error {
	aggregate, ok := a.registry.Aggregate(name.category)
	if _, process := a.registry.ProcessOf(name.category); !ok || process {
		return noCategory(a.registry, name.category, false)
	}
	if _, ok := aggregate.Command(name.command); ok {
		return problem.InternalCommand.Errorf("command %s of %s is a step of a process: only the bus delivers it", quote(name.command), name.category)
	}
	var names []string
	for _, c := range aggregate.Offered() {
		names = append(names, c.Name)
	}
	return unknown("command of "+name.category, name.command, names)
}

func noCategory(registry *core.Registry, category string, processes bool) error {
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
	if len(name) > core.MaxTokenLength {
		name = name[:core.MaxTokenLength] + "…"
	}
	known := "there are: " + strings.Join(names, ", ")
	if len(names) == 0 {
		known = "there is none"
	}
	return problem.UnknownName.Errorf("there is no %s %s; %s", what, quote(name), known)
}

// commandID returns the Idempotency-Key, or a new UUID (version 7) if there is none.
func commandID(h http.Header) (string, error) {
	id, ok, err := single(h, headerCommandID)
	if err != nil {
		return "", err
	}
	if !ok {
		fresh, err := uuid.NewV7()
		return fresh.String(), err
	}
	return id, core.CheckCommandID(id)
}
