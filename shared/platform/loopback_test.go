package platform

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

func TestTheClientOfTheHooks(t *testing.T) {
	t.Parallel()
	env := service.Env{Name: CommandUser, Logger: slog.New(slog.DiscardHandler)}
	e := Hooks{}.extend(env)
	if _, err := e.env.Client.Get("/x"); err == nil || !strings.Contains(err.Error(), "has not started") {
		t.Errorf("before the API exists: %v", err)
	}
	e.inside.connect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/breaks" {
			panic(http.ErrAbortHandler)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Context().Err() != nil {
			t.Error(err, r.Context().Err())
		}
		w.Header().Set("Kind", "test")
		w.WriteHeader(http.StatusTeapot)
		w.Header().Set("Late", "yes")
		fmt.Fprintf(w, "%s %s %s %d %d", r.Method, r.RequestURI, r.Host, r.ContentLength, len(body))
	}))
	for _, test := range []struct{ method, url, body, want string }{
		{"POST", "/a%2Fb?c=d", "hello", "POST /a%2Fb?c=d localhost 5 5"},
		{"GET", "http://query/a", "", "GET /a query 0 0"},
		{"HEAD", "/a", "", ""},
		{"PUT", "/a", strings.Repeat("a", 2<<20), fmt.Sprintf("PUT /a localhost %[1]d %[1]d", httpapi.DefaultMaxBody+1)},
	} {
		request, err := http.NewRequestWithContext(t.Context(), test.method, test.url, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := e.env.Client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil || string(text) != test.want || answer.StatusCode != http.StatusTeapot || answer.Header.Get("Kind") != "test" || answer.Header.Get("Late") != "" {
			t.Errorf("%s %s: %d %q %v, want %q; %v", test.method, test.url, answer.StatusCode, text, answer.Header, test.want, err)
		}
	}
	if _, err := e.env.Client.Get("/breaks"); err == nil || !strings.Contains(err.Error(), "broke off") {
		t.Errorf("a handler that breaks off: %v", err)
	}
}

// A service runs the parts that name it, in their order.
func TestThePartsOfAServiceAreItsOwn(t *testing.T) {
	t.Parallel()
	run := func(context.Context, Env) error { return nil }
	hooks := Hooks{Parts: []Part{{CommandUser, "a", run}, {QueryUser, "b", run}, {CommandUser, "c", run}}}
	var names []string
	for _, p := range hooks.extend(service.Env{Name: CommandUser, Logger: slog.New(slog.DiscardHandler)}).parts() {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "a c" {
		t.Errorf("the parts of the command service are %s", got)
	}
}
