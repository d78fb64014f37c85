package problem

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/orchestrix-go/orchestrix/shared/clip"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

// typePrefix precedes the code in the type of a problem.
const typePrefix = "urn:orchestrix:problem:"

// Problem is the body of every answer that is not a success (RFC 9457).
type Problem struct {
	Type     string `json:"type" doc:"The type of problem; stable." example:"urn:orchestrix:problem:rejected"`
	Title    string `json:"title" doc:"The type in words." example:"Command rejected"`
	Status   int    `json:"status" doc:"The HTTP status." example:"422"`
	Detail   string `json:"detail,omitempty" doc:"What is wrong with this request." example:"the order has been shipped"`
	Instance string `json:"instance,omitempty" doc:"The path of the request." example:"/v1/commands/order/10248/ship"`
	Code     string `json:"code" doc:"For programs; stable. If the domain rejected the command, it is the domain's own code." example:"order-already-shipped"`
	TraceID  string `json:"trace_id,omitempty" doc:"The trace of the request; the log lines of the request name it too."`

	Errors []schema.FieldError `json:"errors,omitempty" doc:"The invalid values, if validation failed."`

	Expected *core.Version `json:"expected_version,omitempty" doc:"The version of the stream that the command expected."`
	Actual   *core.Version `json:"actual_version,omitempty" doc:"The version that the stream has."`
	Wanted   string        `json:"wanted,omitempty" doc:"The position that the request waited for."`
	Reached  string        `json:"reached,omitempty" doc:"The position of the view when the wait timed out, or the end of the log."`
}

// Type is a type of problem. Status and Code are a contract; Title and Detail may change.
type Type struct {
	Status     int
	Code       string
	Title      string
	Detail     string // shown instead of the error's text, which is not for the client then
	RetryAfter int    // seconds; 0: none
}

// New returns a problem of this type. The detail is not truncated.
func (t *Type) New(detail string) Problem {
	return Problem{Type: typePrefix + t.Code, Title: t.Title, Status: t.Status, Code: t.Code, Detail: detail}
}

// Errorf returns an error of this type.
func (t *Type) Errorf(format string, args ...any) error {
	return &Error{Type: t, Detail: fmt.Sprintf(format, args...)}
}

// Error is an error whose type of problem is known.
type Error struct {
	Type   *Type
	Detail string
}

func (e *Error) Error() string { return e.Detail }

// maxText is the maximum length, in bytes, of a text in an answer that may repeat the request.
const maxText = 500

// Truncate shortens a text to 500 bytes and an ellipsis.
func Truncate(text string) string {
	return clip.Text(text, maxText)
}

// Write answers a request with a problem. It returns an error if the problem can't be encoded; the client gets an internal
// error then.
func Write(w http.ResponseWriter, t *Type, p Problem) error {
	body, err := core.Marshal(p)
	if err != nil {
		t = Internal
		body = []byte(`{"type":"` + typePrefix + `internal","title":"Internal error","status":500,"code":"internal"}`)
	}
	h := w.Header()
	if t.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(t.RetryAfter))
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(t.Status)
	_, _ = w.Write(body) // an error means that the client has disconnected
	return err
}
