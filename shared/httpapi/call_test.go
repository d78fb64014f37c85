package httpapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// reply is an answer, with its body read.
type reply struct {
	status int
	header http.Header
	body   string
}

// call sends a request; headers are name, value, name, value.
func call(t *testing.T, server *httptest.Server, method, path, body string, headers ...string) reply {
	t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, content)
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			request.Header.Del(headers[i])
			continue
		}
		if headers[i] == "Content-Type" {
			request.Header.Del(headers[i])
		}
		request.Header.Add(headers[i], headers[i+1])
	}
	return do(t, server, request)
}

func do(t *testing.T, server *httptest.Server, request *http.Request) reply {
	t.Helper()
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(text)}
}

// problem checks that the answer is a problem of this status and code, and returns it.
func (r reply) problem(t *testing.T, what string, status int, code string) problem.Problem {
	t.Helper()
	var p problem.Problem
	if kind := r.header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("%s: Content-Type %q with status %d: %s", what, kind, r.status, r.body)
		return p
	}
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatalf("%s: %v in %s", what, err, r.body)
	}
	if r.status != status || p.Status != status || p.Code != code {
		t.Errorf("%s: status %d, want %d with code %s: %s", what, r.status, status, code, r.body)
	}
	if p.Title == "" || p.Detail == "" || !strings.HasPrefix(p.Type, "urn:orchestrix:problem:") || p.Instance == "" {
		t.Errorf("%s: the problem is not complete: %s", what, r.body)
	}
	if r.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: no nosniff", what)
	}
	return p
}

// expect checks a success.
func (r reply) expect(t *testing.T, what, body string, headers map[string]string) {
	t.Helper()
	if r.status != http.StatusOK || strings.TrimSpace(r.body) != body {
		t.Errorf("%s: status %d:\n got %s\nwant %s", what, r.status, r.body, body)
	}
	for name, value := range headers {
		if got := strings.Join(r.header.Values(name), " | "); got != value {
			t.Errorf("%s: %s is %q, want %q", what, name, got, value)
		}
	}
}
