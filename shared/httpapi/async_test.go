package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/problem"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

// queue is a fake [AsyncCommands].
type queue struct {
	submit func(runtime.AsyncMessage) (runtime.AsyncStatus, error)
	status func(id string) (runtime.AsyncStatus, error)
}

func (q queue) Submit(_ context.Context, m runtime.AsyncMessage) (runtime.AsyncStatus, error) {
	return q.submit(m)
}

func (q queue) Status(_ context.Context, tenant, id string) (runtime.AsyncStatus, error) {
	if tenant != core.DefaultTenant {
		return runtime.AsyncStatus{}, errUnwanted
	}
	return q.status(id)
}

func pending(m runtime.AsyncMessage) (runtime.AsyncStatus, error) {
	return runtime.AsyncStatus{CommandID: m.ID, Stream: m.Stream.String(), State: runtime.Pending}, nil
}

func TestACommandIsTakenForLater(t *testing.T) {
	t.Parallel()
	var got runtime.AsyncMessage
	server := commandServer(t, failWith(errUnwanted), httpapi.Options{Async: queue{submit: func(m runtime.AsyncMessage) (runtime.AsyncStatus, error) {
		got = m
		return pending(m)
	}}})
	for id, location := range map[string]string{
		"abc": "/v1/commands/abc", "a/b?c#d%2F": "/v1/commands/a%2Fb%3Fc%23d%252F", "..": "/v1/commands/%2E%2E", "a.b": "/v1/commands/a.b",
	} {
		r := call(t, server, "POST", placePath, goodBody, "Prefer", "wait=10, Respond-Async; x=y", "Idempotency-Key", id, "If-Match", `"1"`)
		if want := fmt.Sprintf(`{"command_id":%q,"stream":"order-10248","status":"pending"}`, id); r.status != 202 || strings.TrimSpace(r.body) != want {
			t.Errorf("status %d, %s; not %s", r.status, r.body, want)
		}
		for name, want := range map[string]string{
			"Location": location, "Preference-Applied": "respond-async", "Idempotency-Key": id, "Retry-After": "1",
			"Content-Type": "application/json", "Cache-Control": "no-store", "ETag": "",
		} {
			if r.header.Get(name) != want {
				t.Errorf("%s: %q, not %q", name, r.header.Get(name), want)
			}
		}
		if got.ID != id || got.Name != "place" || got.Stream.ID != "10248" || *got.IfMatch != 1 || string(got.Body) != goodBody || got.ReplyTo != "" || got.ResultTo != (core.Stream{}) {
			t.Errorf("sent %+v", got)
		}
	}
}

func TestWhatIsWrongIsSaidBeforeACommandIsTaken(t *testing.T) {
	t.Parallel()
	var failure error
	server := commandServer(t, failWith(errUnwanted), httpapi.Options{Async: queue{submit: func(m runtime.AsyncMessage) (runtime.AsyncStatus, error) {
		return runtime.AsyncStatus{}, failure
	}}})
	post := func(path, body string) reply {
		t.Helper()
		r := call(t, server, "POST", path, body, "Prefer", "respond-async", "Idempotency-Key", "k")
		if r.header.Get("Location") != "" || r.header.Get("Preference-Applied") != "" {
			t.Errorf("a refused command is applied: %v", r.header)
		}
		return r
	}
	failure = errUnwanted
	post(placePath, `{"customer":`).problem(t, "malformed", 400, "malformed-json")
	post(placePath, `{"customer":""}`).problem(t, "invalid", 422, "validation-failed")
	post("/v1/commands/order/1/explode", goodBody).problem(t, "unknown", 404, "unknown-name")
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{runtime.ErrCommandReused, 422, "command-reused"},
		{fmt.Errorf("the queue is full: %w", port.ErrUnavailable), 503, "unavailable"},
		{runtime.ErrStatusesFull, 503, "outcomes-full"},
		{port.ErrTooLarge, 413, "too-large"},
	} {
		failure = c.err
		r := post(placePath, goodBody)
		r.problem(t, c.err.Error(), c.status, c.code)
		if (r.header.Get("Retry-After") != "") != (c.status == 503) {
			t.Errorf("%v: Retry-After %q", c.err, r.header.Get("Retry-After"))
		}
	}
}

func TestStatusesOfAsyncCommands(t *testing.T) {
	t.Parallel()
	refusal, final := problem.Explain(&core.Rejection{Code: "order-empty", Message: "no <lines>"})
	if !final || refusal.Code != "order-empty" || refusal.Detail != "no <lines>" {
		t.Fatalf("%+v, %v", refusal, final)
	}
	known := map[string]runtime.AsyncStatus{
		"p":   {CommandID: "p", Stream: "order-1", State: runtime.Pending},
		"a/1": {CommandID: "a/1", Stream: "order-1", State: runtime.Accepted, Version: 2, Position: "3-1042", Events: []string{"OrderPlaced"}},
		"..":  {CommandID: "..", Stream: "order-1", State: runtime.Rejected, Code: refusal.Code, Detail: refusal.Detail, Problem: refusal.Problem},
	}
	server := commandServer(t, failWith(errUnwanted), httpapi.Options{Async: queue{status: func(id string) (runtime.AsyncStatus, error) {
		if id == "down" {
			return runtime.AsyncStatus{}, port.ErrUnavailable
		}
		if status, ok := known[id]; ok {
			return status, nil
		}
		return runtime.AsyncStatus{}, fmt.Errorf("%w: key x", core.ErrNotFound)
	}}})
	call(t, server, "GET", "/v1/commands/p", "").expect(t, "pending", `{"command_id":"p","stream":"order-1","status":"pending"}`,
		map[string]string{"Retry-After": "1", "Orchestrix-Position": "", "Cache-Control": "no-store"})
	call(t, server, "GET", "/v1/commands/a%2F1", "").expect(t, "accepted",
		`{"command_id":"a/1","stream":"order-1","status":"accepted","version":2,"position":"3-1042","events":["OrderPlaced"]}`,
		map[string]string{"Retry-After": "", "Orchestrix-Position": "3-1042"})
	r := call(t, server, "GET", "/v1/commands/%2E%2E", "")
	var rejected httpapi.AsyncStatus
	if err := json.Unmarshal([]byte(r.body), &rejected); err != nil || r.status != 200 || rejected.State != runtime.Rejected {
		t.Fatalf("status %d: %s: %v", r.status, r.body, err)
	}
	if p := rejected.Problem; p == nil || p.Status != 422 || p.Code != "order-empty" || p.Type != "urn:orchestrix:problem:rejected" || p.Detail != "no <lines>" {
		t.Errorf("rejected: %s", r.body)
	}
	call(t, server, "GET", "/v1/commands/unknown", "").problem(t, "unknown", 404, "command-not-found")
	call(t, server, "GET", "/v1/commands/down", "").problem(t, "down", 503, "unavailable")
	call(t, server, "GET", "/v1/commands/p?x=1", "").problem(t, "query", 400, "bad-query")
	call(t, server, "DELETE", "/v1/commands/p", "").problem(t, "method", 405, "method-not-allowed")
	call(t, server, "GET", placePath, "").problem(t, "a command", 405, "method-not-allowed")
}

func TestWithoutABusThePreferenceIsIgnored(t *testing.T) {
	t.Parallel()
	server := commandServer(t, executorFunc(accept), httpapi.Options{})
	r := call(t, server, "POST", placePath, goodBody, "Prefer", "respond-async")
	if r.status != 200 || r.header.Get("Preference-Applied") != "" || r.header.Get("Orchestrix-Position") == "" {
		t.Errorf("status %d, %v: %s", r.status, r.header, r.body)
	}
	call(t, server, "GET", "/v1/commands/abc", "").problem(t, "status", 404, "unknown-route")
	if text := call(t, server, "GET", "/openapi.json", "").body; strings.Contains(text, "respond-async") {
		t.Error("the document offers what is not there")
	}
}

func TestOnlyAskedForPreferencesCount(t *testing.T) {
	t.Parallel()
	server := commandServer(t, executorFunc(accept), httpapi.Options{Async: queue{}})
	for _, prefer := range []string{"", "wait=5", "x-respond-async", "respond-asynchronously", "return=minimal; respond-async"} {
		if r := call(t, server, "POST", placePath, goodBody, "Prefer", prefer); r.status != 200 {
			t.Errorf("Prefer: %q: status %d", prefer, r.status)
		}
	}
}

func TestTheOpenAPIDocumentHasAsyncStatuses(t *testing.T) {
	t.Parallel()
	server := commandServer(t, executorFunc(accept), httpapi.Options{Async: queue{}})
	var d struct {
		Paths map[string]map[string]struct {
			Responses map[string]json.RawMessage `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(call(t, server, "GET", "/openapi.json", "").body), &d); err != nil {
		t.Fatal(err)
	}
	if d.Paths["/v1/commands/order/{id}/place"]["post"].Responses["202"] == nil {
		t.Error("no 202 is documented")
	}
	for _, status := range []string{"200", "400", "404", "503"} {
		if d.Paths["/v1/commands/{command_id}"]["get"].Responses[status] == nil {
			t.Errorf("the answer %s of an async status is not documented", status)
		}
	}
}
