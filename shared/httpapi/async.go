package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"orchestrix/shared/es"
	"orchestrix/shared/runtime"
)

// AsyncCommands takes commands whose clients come back for the outcome; [runtime.Submitter] does.
type AsyncCommands interface {
	Submit(ctx context.Context, m runtime.CommandMessage) (runtime.Outcome, error)
	Outcome(ctx context.Context, tenant, commandID string) (runtime.Outcome, error)
}

var _ AsyncCommands = (*runtime.Submitter)(nil)

// CommandOutcome is what has become of a command that was sent with Prefer: respond-async.
type CommandOutcome struct {
	CommandID string                `json:"command_id" doc:"The Idempotency-Key." example:"0191a0de-7b2c-7c3e-9f43-6f1d0c1f7a55"`
	Stream    string                `json:"stream" doc:"The stream's name." example:"order-10248"`
	Status    runtime.OutcomeStatus `json:"status" enum:"pending,accepted,rejected" doc:"Accepted and rejected are final."`

	Version  es.Version `json:"version,omitempty" doc:"Of the stream after the command, where it is accepted." example:"2"`
	Position string     `json:"position,omitempty" doc:"Where the commit stands in the log: reads that name it in Orchestrix-Position see it." example:"3-1042"`
	Events   []string   `json:"events,omitempty" doc:"The kinds of the events, where there are any." example:"[\"OrderShipped\"]"`

	Problem *Problem `json:"problem,omitempty" doc:"What the command would have been answered, where it is rejected."`
	Code    string   `json:"code,omitempty" doc:"That of the problem; of a pending command, why it takes long."`
	Detail  string   `json:"detail,omitempty" doc:"The code in words."`
}

// preferenceAsync is the preference of RFC 7240 to be answered before the work is done.
const preferenceAsync = "respond-async"

// pendingRetry is after how many seconds a client should ask again.
const pendingRetry = "1"

// prefersAsync reads Prefer: respond-async.
func prefersAsync(h http.Header) bool {
	for _, line := range h.Values("Prefer") {
		for preference := range strings.SplitSeq(line, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			if strings.EqualFold(strings.TrimSpace(preference), preferenceAsync) {
				return true
			}
		}
	}
	return false
}

// submit sends a checked command over the bus: the body of a 202.
func (a *commandAPI) submit(ctx context.Context, h http.Header, command runtime.Command) ([]byte, error) {
	outcome, err := a.options.Async.Submit(ctx, runtime.CommandMessage{Command: command})
	if err != nil {
		return nil, err
	}
	h.Set("Preference-Applied", preferenceAsync)
	h.Set("Location", outcomePath(command.ID))
	return a.outcomeBody(h, outcome)
}

// outcomePath is where the outcome of a command is. A command id of dots alone would be a way to somewhere else.
func outcomePath(commandID string) string {
	segment := url.PathEscape(commandID)
	if strings.Trim(commandID, ".") == "" {
		segment = strings.ReplaceAll(commandID, ".", "%2E")
	}
	return "/v1/commands/" + segment
}

// outcome answers GET /v1/commands/{command-id}.
func (a *commandAPI) outcome(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.URL.RawQuery != "" {
		return nil, badQuery.because("the outcome of a command takes no query parameters")
	}
	id := r.PathValue("command_id")
	ctx, cancel := context.WithTimeout(r.Context(), a.options.RequestTimeout)
	defer cancel()
	outcome, err := a.options.Async.Outcome(ctx, es.DefaultTenant, id)
	if errors.Is(err, es.ErrNotFound) {
		return nil, commandNotFound.because("no command " + quote(id) + " was sent with Prefer: " + preferenceAsync + ", or too long ago")
	}
	if err != nil {
		return nil, err
	}
	return a.outcomeBody(w.Header(), outcome)
}

func (a *commandAPI) outcomeBody(h http.Header, o runtime.Outcome) ([]byte, error) {
	answer := CommandOutcome{
		CommandID: o.CommandID, Stream: o.Stream, Status: o.Status, Version: o.Version, Position: o.Position, Events: o.Events,
		Code: o.Code, Detail: o.Detail,
	}
	if len(o.Problem) > 0 {
		answer.Problem = new(Problem)
		if err := json.Unmarshal(o.Problem, answer.Problem); err != nil {
			return nil, fmt.Errorf("outcome of command %s: %w", o.CommandID, err)
		}
	}
	h.Set("Cache-Control", "no-store")
	if !o.Final() {
		h.Set("Retry-After", pendingRetry)
	}
	if o.Position != "" {
		h.Set(headerPosition, o.Position)
	}
	return es.Marshal(answer)
}

// passing are the kinds of problem that go away by themselves, or when a fault of ours is mended.
var passing = []*kind{conflict, internal, unavailable, overloaded, outcomesFull, notReached}

// Explain says what a client is told of a command's error that comes over the bus, and whether the error is final.
// Otherwise the command is tried again.
func Explain(err error) (runtime.Refusal, bool) {
	k, p := classify(err)
	if slices.Contains(passing, k) {
		return runtime.Refusal{}, false
	}
	body, err := es.Marshal(p)
	if err != nil { // it holds nothing but texts and numbers
		return runtime.Refusal{}, false
	}
	return runtime.Refusal{Code: p.Code, Detail: p.Detail, Problem: body}, true
}
