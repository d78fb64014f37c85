package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/problem"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/async"
)

// AsyncCommands accepts commands whose clients poll for the result; [async.Submitter] implements it.
type AsyncCommands interface {
	Submit(ctx context.Context, m runtime.AsyncMessage) (runtime.AsyncStatus, error)
	Status(ctx context.Context, tenant, commandID string) (runtime.AsyncStatus, error)
}

var _ AsyncCommands = (*async.Submitter)(nil)

// AsyncStatus is the status of a command that was sent with Prefer: respond-async.
type AsyncStatus struct {
	CommandID string             `json:"command_id" doc:"The Idempotency-Key." example:"0191a0de-7b2c-7c3e-9f43-6f1d0c1f7a55"`
	Stream    string             `json:"stream" doc:"The stream's name." example:"order-10248"`
	State     runtime.AsyncState `json:"status" enum:"pending,accepted,rejected" doc:"Accepted and rejected are final."`

	Version  core.Version `json:"version,omitempty" doc:"Of the stream after the command, if it is accepted." example:"2"`
	Position string       `json:"position,omitempty" doc:"The position of the commit in the log: reads that name it in Orchestrix-Position include the commit." example:"3-1042"`
	Events   []string     `json:"events,omitempty" doc:"The kinds of the events, if there are any." example:"[\"OrderShipped\"]"`

	Problem *problem.Problem `json:"problem,omitempty" doc:"The synchronous answer to the command, if it is rejected."`
	Code    string           `json:"code,omitempty" doc:"The code of the problem; of a pending command, the reason of the delay."`
	Detail  string           `json:"detail,omitempty" doc:"The code in words."`
}

// preferenceAsync is the preference of RFC 7240 for an answer before the work is done.
const preferenceAsync = "respond-async"

// pendingRetry is the number of seconds after which a client should poll again.
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

// submit sends a checked command over the bus and returns the body of a 202.
func (a *commandAPI) submit(ctx context.Context, h http.Header, command runtime.Command) ([]byte, error) {
	status, err := a.options.Async.Submit(ctx, runtime.AsyncMessage{Command: command})
	if err != nil {
		return nil, err
	}
	h.Set("Preference-Applied", preferenceAsync)
	h.Set("Location", statusPath(command.ID))
	return a.statusBody(h, status)
}

// statusPath is the path of a command's status. It escapes a command id of dots alone, which would be a relative path.
func statusPath(commandID string) string {
	segment := url.PathEscape(commandID)
	if strings.Trim(commandID, ".") == "" {
		segment = strings.ReplaceAll(commandID, ".", "%2E")
	}
	return "/v1/commands/" + segment
}

// status answers GET /v1/commands/{command_id}.
func (a *commandAPI) status(w http.ResponseWriter, r *http.Request) (int, []byte, error) {
	if r.URL.RawQuery != "" {
		return 0, nil, problem.BadQuery.Errorf("the status of a command has no query parameters")
	}
	id := r.PathValue("command_id")
	ctx, cancel := context.WithTimeout(r.Context(), a.options.RequestTimeout)
	defer cancel()
	status, err := a.options.Async.Status(ctx, core.DefaultTenant, id)
	if errors.Is(err, core.ErrNotFound) {
		err = problem.CommandNotFound.Errorf("no command %s was sent with Prefer: %s within the last day", quote(id), preferenceAsync)
	}
	if err != nil {
		return 0, nil, err
	}
	body, err := a.statusBody(w.Header(), status)
	return http.StatusOK, body, err
}

func (a *commandAPI) statusBody(h http.Header, s runtime.AsyncStatus) ([]byte, error) {
	body := AsyncStatus{
		CommandID: s.CommandID, Stream: s.Stream, State: s.State, Version: s.Version, Position: s.Position, Events: s.Events,
		Code: s.Code, Detail: s.Detail,
	}
	if len(s.Problem) > 0 {
		body.Problem = new(problem.Problem)
		if err := json.Unmarshal(s.Problem, body.Problem); err != nil {
			return nil, fmt.Errorf("status of command %s: %w", s.CommandID, err)
		}
	}
	h.Set("Cache-Control", "no-store")
	if !s.Final() {
		h.Set("Retry-After", pendingRetry)
	}
	if s.Position != "" {
		h.Set(headerPosition, s.Position)
	}
	return core.Marshal(body)
}
