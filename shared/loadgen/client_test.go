package loadgen

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestClientReusesItsConnectionUntilTheServerClosesIt(t *testing.T) {
	t.Parallel()
	seen := map[string]int{} // no lock: the requests are sequential
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen[r.RemoteAddr]++
		if r.URL.Path == "/base/close" {
			w.Header().Set("Connection", "close")
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, "%s %s?%s %s", r.Method, r.URL.Path, r.URL.RawQuery, body)
	}))
	defer server.Close()
	c, err := NewClient(server.URL + "/base")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, path := range []string{"/a?x=1", "/close", "/b"} {
		r, err := c.Request(http.MethodPost, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader("hello")), 5
		answer, err := c.Do(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		name, query, _ := strings.Cut(path, "?")
		if want := fmt.Sprintf("POST /base%s?%s hello", name, query); answer.Status != http.StatusAccepted || string(answer.Body) != want {
			t.Errorf("%d %q, want 202 %q", answer.Status, answer.Body, want)
		}
	}
	if len(seen) != 2 {
		t.Errorf("the requests came on %d connections, want 2: %v", len(seen), seen)
	}
}

func TestClientReturnsErrors(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "localhost:8080", "ftp://host", "http://%zz"} {
		if _, err := NewClient(url); err == nil {
			t.Errorf("%q is accepted as the URL of a server", url)
		}
	}
	c, err := NewClient("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Request(http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(context.WithoutCancel(t.Context()), r); err == nil {
		t.Error("a request to a closed port succeeds")
	}
}
