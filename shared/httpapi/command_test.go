package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

func TestAnAcceptedCommand(t *testing.T) {
	t.Parallel()
	got := make(chan runtime.Command, 1)
	server := commandServer(t, executorFunc(func(ctx context.Context, c runtime.Command) (runtime.Result, error) {
		got <- c
		return accept(ctx, c)
	}), httpapi.Options{})
	call(t, server, "POST", placePath, goodBody, "Idempotency-Key", "abc", "If-Match", `"1"`).expect(t, "place",
		`{"stream":"order-10248","version":2,"position":"3-1042","command_id":"abc","events":["OrderPlaced"]}`,
		map[string]string{
			"ETag": `"2"`, "Orchestrix-Position": "3-1042", "Idempotency-Key": "abc", "Orchestrix-Repeated": "",
			"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Link": "",
		})
	c := <-got
	if c.Stream != (core.Stream{Tenant: "default", Category: "order", ID: "10248"}) || c.Name != "place" || c.ID != "abc" ||
		c.IfMatch == nil || *c.IfMatch != 1 || string(c.Body) != goodBody {
		t.Errorf("executed %+v", c)
	}
}

func TestACommandIDIsGeneratedWhereThereIsNone(t *testing.T) {
	t.Parallel()
	server := commandServer(t, executorFunc(accept), httpapi.Options{})
	r := call(t, server, "POST", placePath, goodBody)
	id, err := uuid.Parse(r.header.Get("Idempotency-Key"))
	if err != nil || id.Version() != 7 {
		t.Errorf("Idempotency-Key %q: want a UUID of version 7", r.header.Get("Idempotency-Key"))
	}
	if !strings.Contains(r.body, `"command_id":"`+id.String()+`"`) {
		t.Errorf("the body names another id: %s", r.body)
	}
}

func TestARepeatedCommandSaysSo(t *testing.T) {
	t.Parallel()
	server := commandServer(t, executorFunc(func(ctx context.Context, c runtime.Command) (runtime.Result, error) {
		result, err := accept(ctx, c)
		result.Repeated, result.Events = true, nil
		return result, err
	}), httpapi.Options{})
	r := call(t, server, "POST", placePath, goodBody)
	if r.header.Get("Orchestrix-Repeated") != "true" || !strings.Contains(r.body, `"events":[]`) {
		t.Errorf("%v %s", r.header, r.body)
	}
}

// Errors and results of the executor, and the answers that clients get.
func TestEveryCommandResultHasItsHTTPStatus(t *testing.T) {
	t.Parallel()
	stream := core.Stream{Tenant: "default", Category: "order", ID: "10248"}
	for _, c := range []struct {
		err    error
		status int
		code   string
		retry  bool
	}{
		{fmt.Errorf("wrapped: %w", &core.Rejection{Code: "order-already-placed", Message: "placed before"}), 422, "order-already-placed", false},
		{runtime.ErrCommandReused, 422, "command-reused", false},
		{&runtime.PreconditionError{Stream: stream, Expected: 1, Actual: 2}, 412, "precondition-failed", false},
		{fmt.Errorf("%w: x", port.ErrConflict), 409, "conflict", true},
		{fmt.Errorf("%w: x", port.ErrTooLarge), 413, "too-large", false},
		{fmt.Errorf("%w: %w", port.ErrUnavailable, errors.New("dial tcp 10.1.2.3: secret")), 503, "unavailable", true},
		{fmt.Errorf("%w: x", runtime.ErrOverloaded), 503, "overloaded", true},
		{context.DeadlineExceeded, 503, "unavailable", true},
		{fmt.Errorf("%w: x", runtime.ErrUnknown), 404, "unknown-name", false},
		{fmt.Errorf("%w: x", core.ErrBadToken), 400, "bad-token", false},
		{fmt.Errorf("%w: %w: secret", core.ErrCorrupt, core.ErrBadPayload), 500, "internal", false},
		{fmt.Errorf("event in the log: %w: secret", core.ErrBadPayload), 500, "internal", false},
		{fmt.Errorf("%w: secret", core.ErrUnknownEvent), 500, "internal", false},
		{errors.New("secret"), 500, "internal", false},
	} {
		server := commandServer(t, failWith(c.err), httpapi.Options{TraceID: func(context.Context) string { return "4bf92f35" }})
		r := call(t, server, "POST", placePath, goodBody, "Idempotency-Key", "k")
		p := r.problem(t, c.err.Error(), c.status, c.code)
		if p.TraceID != "4bf92f35" || p.Instance != placePath || strings.Contains(r.body, "secret") {
			t.Errorf("%v: %s", c.err, r.body)
		}
		if got := r.header.Get("Retry-After") != ""; got != c.retry {
			t.Errorf("%v: Retry-After %q", c.err, r.header.Get("Retry-After"))
		}
		if r.header.Get("Idempotency-Key") != "k" || r.header.Get("ETag") != "" {
			t.Errorf("%v: headers %v", c.err, r.header)
		}
	}
}

func TestProblemsSayMore(t *testing.T) {
	t.Parallel()
	rejecting := commandServer(t, failWith(&core.Rejection{Code: "order-empty", Message: "no <lines> & such"}), httpapi.Options{})
	r := call(t, rejecting, "POST", placePath, goodBody)
	if p := r.problem(t, "rejection", 422, "order-empty"); p.Type != "urn:orchestrix:problem:rejected" || p.Detail != "no <lines> & such" || !strings.Contains(r.body, "<lines>") {
		t.Errorf("rejection: %s", r.body)
	}
	r = call(t, rejecting, "POST", placePath, `{"customer":"","day":"4 July","lines":[{"quantity":0,"price":"1"}]}`)
	p := r.problem(t, "validation", 422, "validation-failed")
	if len(p.Errors) != 3 || p.Errors[2].Location != "body.lines[0].quantity" || p.Errors[2].Message != "expected number >= 1" || p.Errors[2].Value != 0.0 {
		t.Errorf("validation: %s", r.body)
	}
	moved := commandServer(t, failWith(&runtime.PreconditionError{Expected: 0, Actual: 2}), httpapi.Options{})
	p = call(t, moved, "POST", placePath, goodBody, "If-Match", `"0"`).problem(t, "412", 412, "precondition-failed")
	if p.Expected == nil || *p.Expected != 0 || p.Actual == nil || *p.Actual != 2 {
		t.Errorf("412: %+v", p)
	}
}

func TestBadRequestsNeverReachTheExecutor(t *testing.T) {
	t.Parallel()
	server := commandServer(t, failWith(errUnwanted), httpapi.Options{MaxBody: 1000, Async: queue{submit: func(runtime.AsyncMessage) (runtime.AsyncStatus, error) {
		t.Error("a bad request reached the bus")
		return runtime.AsyncStatus{}, errUnwanted
	}}})
	const ct = "Content-Type"
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code                     string
	}{
		{"malformed", "POST", placePath, `{"customer":`, nil, 400, "malformed-json"},
		{"no body", "POST", placePath, "", nil, 400, "malformed-json"},
		{"unknown field", "POST", placePath, `{"Customer":"A"}`, nil, 400, "unknown-field"},
		{"field twice", "POST", placePath, `{"day":"1996-07-04","day":"1996-07-05"}`, nil, 400, "malformed-json"},
		{"invalid UTF-8", "POST", placePath, "{\"customer\":\"\xff\"}", nil, 400, "malformed-json"},
		{"NUL", "POST", placePath, `{"customer":"\u0000"}`, nil, 400, "malformed-json"},
		{"deep", "POST", placePath, strings.Repeat("[", 500), nil, 400, "malformed-json"},
		{"huge number", "POST", placePath, strings.Replace(goodBody, ":2", ":1e300", 1), nil, 422, "validation-failed"},
		{"int of 65 bits", "POST", placePath, strings.Replace(goodBody, ":2", ":9999999999999999999", 1), nil, 422, "validation-failed"},
		{"null array", "POST", placePath, `{"customer":"A","day":"1996-07-04","lines":null}`, nil, 422, "validation-failed"},
		{"too large", "POST", placePath, strings.Repeat(" ", 1001), nil, 413, "too-large"},
		{"no type", "POST", placePath, goodBody, []string{ct, ""}, 415, "unsupported-media-type"},
		{"form", "POST", placePath, goodBody, []string{ct, "application/x-www-form-urlencoded"}, 415, "unsupported-media-type"},
		{"latin1", "POST", placePath, goodBody, []string{ct, "application/json; charset=iso-8859-1"}, 415, "unsupported-media-type"},
		{"two types", "POST", placePath, goodBody, []string{ct, "application/json", "content-type", "text/plain"}, 415, "unsupported-media-type"},
		{"bad type", "POST", placePath, goodBody, []string{ct, "application/json; ="}, 415, "unsupported-media-type"},
		{"query", "POST", placePath + "?dry=1", goodBody, nil, 400, "bad-query"},
		{"id", "POST", "/v1/commands/order/a.b/place", goodBody, nil, 400, "bad-token"},
		{"id NUL", "POST", "/v1/commands/order/%00/place", goodBody, nil, 400, "bad-token"},
		{"id slash", "POST", "/v1/commands/order/a%2Fb/place", goodBody, nil, 400, "bad-token"},
		{"id dots", "POST", "/v1/commands/order/%2e%2e/place", goodBody, nil, 400, "bad-token"},
		{"id wildcard", "POST", "/v1/commands/order/%3E/place", goodBody, nil, 400, "bad-token"},
		{"id long", "POST", "/v1/commands/order/" + strings.Repeat("a", 65) + "/place", goodBody, nil, 400, "bad-token"},
		{"category", "POST", "/v1/commands/invoice/1/place", goodBody, nil, 404, "unknown-name"},
		{"command", "POST", "/v1/commands/order/1/explode", goodBody, nil, 404, "unknown-name"},
		{"internal", "POST", "/v1/commands/order/1/settle", `{"proof":{"number":1}}`, nil, 403, "internal-command"},
		{"internal, for later", "POST", "/v1/commands/order/1/settle", `{"proof":{"number":1}}`, []string{"Prefer", "respond-async"}, 403, "internal-command"},
		{"case", "POST", "/v1/commands/Order/1/place", goodBody, nil, 404, "unknown-name"},
		{"route", "POST", "/v1/commands/order/place", goodBody, nil, 404, "unknown-route"},
		{"root", "GET", "/", "", nil, 404, "unknown-route"},
		{"slash at the end", "POST", placePath + "/", goodBody, nil, 404, "unknown-route"},
		{"two slashes", "POST", "/v1//commands/order/1/place", goodBody, nil, 404, "unknown-route"},
		{"dots", "POST", "/v1/commands/order/../order/1/place", goodBody, nil, 404, "unknown-route"},
		{"empty id", "POST", "/v1/commands/order//place", goodBody, nil, 404, "unknown-route"},
		{"method", "GET", placePath, "", nil, 405, "method-not-allowed"},
		{"method put", "PUT", placePath, goodBody, nil, 405, "method-not-allowed"},
		{"own method", "BREW", placePath, "", nil, 405, "method-not-allowed"},
		{"options", "OPTIONS", placePath, "", nil, 405, "method-not-allowed"},
		{"weak", "POST", placePath, goodBody, []string{"If-Match", `W/"2"`}, 400, "bad-header"},
		{"star", "POST", placePath, goodBody, []string{"If-Match", `*`}, 400, "bad-header"},
		{"bare", "POST", placePath, goodBody, []string{"If-Match", `2`}, 400, "bad-header"},
		{"one quote", "POST", placePath, goodBody, []string{"If-Match", `"`}, 400, "bad-header"},
		{"tags", "POST", placePath, goodBody, []string{"If-Match", `"2", "3"`}, 400, "bad-header"},
		{"negative", "POST", placePath, goodBody, []string{"If-Match", `"-1"`}, 400, "bad-header"},
		{"zeros", "POST", placePath, goodBody, []string{"If-Match", `"02"`}, 400, "bad-header"},
		{"65 bits", "POST", placePath, goodBody, []string{"If-Match", `"18446744073709551616"`}, 400, "bad-header"},
		{"two If-Match", "POST", placePath, goodBody, []string{"If-Match", `"1"`, "if-match", `"2"`}, 400, "bad-header"},
		{"key with a space", "POST", placePath, goodBody, []string{"Idempotency-Key", "a b"}, 400, "bad-token"},
		{"key in UTF-8", "POST", placePath, goodBody, []string{"Idempotency-Key", "ä"}, 400, "bad-token"},
		{"long key", "POST", placePath, goodBody, []string{"Idempotency-Key", strings.Repeat("k", 129)}, 400, "bad-token"},
		{"two keys", "POST", placePath, goodBody, []string{"Idempotency-Key", "a", "idempotency-key", "b"}, 400, "bad-header"},
	} {
		r := call(t, server, c.method, c.path, c.body, c.headers...)
		p := r.problem(t, c.name, c.status, c.code)
		if c.status == http.StatusMethodNotAllowed && r.header.Get("Allow") != "POST" {
			t.Errorf("%s: Allow %q", c.name, r.header.Get("Allow"))
		}
		if c.code == "unknown-name" && (!strings.Contains(p.Detail, "there are: ") || strings.Contains(p.Detail, "settle")) {
			t.Errorf("%s: no hint in %q", c.name, p.Detail)
		}
		if len(r.body) > 2000 {
			t.Errorf("%s: the answer has %d bytes", c.name, len(r.body))
		}
	}
	for _, kind := range []string{"application/json; charset=utf-8", `application/json;charset="UTF-8"`, "Application/JSON"} {
		r := call(t, server, "POST", placePath, goodBody, ct, kind)
		r.problem(t, kind, 500, "internal") // the executor was reached
	}
}

func TestAPanicIsAnInternalError(t *testing.T) {
	t.Parallel()
	server := commandServer(t, executorFunc(func(context.Context, runtime.Command) (runtime.Result, error) { panic("secret") }), httpapi.Options{})
	for range 3 {
		if r := call(t, server, "POST", placePath, goodBody); strings.Contains(r.body, "secret") {
			t.Errorf("the panic got out: %s", r.body)
		} else {
			r.problem(t, "panic", 500, "internal")
		}
	}
}
