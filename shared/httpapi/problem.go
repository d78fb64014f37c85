package httpapi

import (
	"net/http"
	"strconv"

	"orchestrix/shared/clip"
	"orchestrix/shared/es"
	"orchestrix/shared/schema"
)

// problemPrefix stands before the code in the type of a problem.
const problemPrefix = "urn:orchestrix:problem:"

// Problem is the body of every answer that is not a success (RFC 9457).
type Problem struct {
	Type     string `json:"type" doc:"What sort of problem this is; stable." example:"urn:orchestrix:problem:rejected"`
	Title    string `json:"title" doc:"The type in words." example:"The domain said no"`
	Status   int    `json:"status" doc:"The HTTP status." example:"422"`
	Detail   string `json:"detail,omitempty" doc:"What is wrong with this request." example:"the order has been shipped"`
	Instance string `json:"instance,omitempty" doc:"The path of the request." example:"/v1/commands/order/10248/ship"`
	Code     string `json:"code" doc:"For programs; stable. Where the domain said no it is the domain's own." example:"order-already-shipped"`
	TraceID  string `json:"trace_id,omitempty" doc:"The trace of the request; the lines of the log name it too."`

	Errors []schema.FieldError `json:"errors,omitempty" doc:"The values that don't fit, where validation failed."`

	Expected *es.Version `json:"expected_version,omitempty" doc:"The version that If-Match asked for."`
	Actual   *es.Version `json:"actual_version,omitempty" doc:"The version that the stream has."`
	Wanted   string      `json:"wanted,omitempty" doc:"The position that was waited for."`
	Reached  string      `json:"reached,omitempty" doc:"How far the view had come when the wait ended."`
}

// kind is a sort of problem.
type kind struct {
	status     int
	code       string
	title      string
	detail     string // where the error's own text is not for the client
	retryAfter int    // seconds
}

// problem is the kind's problem with this detail.
func (k *kind) problem(detail string) Problem {
	return Problem{Type: problemPrefix + k.code, Title: k.title, Status: k.status, Code: k.code, Detail: clip.Text(detail, maxDetail)}
}

// because is an error of this kind, raised at the edge itself.
func (k *kind) because(detail string) error { return &refusal{kind: k, detail: detail} }

// refusal says why the edge itself does not take a request.
type refusal struct {
	kind   *kind
	detail string
}

func (r *refusal) Error() string { return r.detail }

// maxDetail is how much of a text that may repeat the request goes into an answer, in bytes.
const maxDetail = 500

// fail answers with the problem that err is.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	k, p := classify(err)
	p.Instance = clip.Text(r.URL.EscapedPath(), maxDetail)
	p.TraceID = s.options.TraceID(r.Context())
	s.logFailure(r, k, p, err)
	h := w.Header()
	h.Del(headerETag)
	if k.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(k.retryAfter))
	}
	if k.status == http.StatusRequestTimeout || k.status == http.StatusRequestEntityTooLarge {
		h.Set("Connection", "close") // the rest of the body is not wanted
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/problem+json")
	body, err := es.Marshal(p)
	if err != nil {
		s.options.Logger.ErrorContext(r.Context(), "can't encode a problem", "code", p.Code, "error", err)
		body = []byte(`{"type":"urn:orchestrix:problem:internal","title":"Internal error","status":500,"code":"internal"}`)
		p.Status = http.StatusInternalServerError
	}
	write(w, p.Status, body)
}
