package tool

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// sendAsync sends one asynchronous command to a service whose status resource is served by status.
func sendAsync(t *testing.T, patience time.Duration, status http.HandlerFunc) (*report, error) {
	t.Helper()
	service := http.NewServeMux()
	service.HandleFunc("POST /v1/commands/account/a/open", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Prefer") != "respond-async" {
			t.Errorf("Prefer: %q", r.Header.Get("Prefer"))
		}
		w.Header().Set("Location", "/v1/commands/o%2F1")
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"command_id":"o/1","stream":"account-a","status":"pending"}`)
	})
	service.HandleFunc("GET /v1/commands/o%2F1", status)
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	s := sender{url: server.URL + "/", concurrency: 2, async: true, patience: patience, progress: func() {}}
	return s.send(t.Context(), strings.NewReader(`{"category":"account","id":"a","command":"open","command_id":"o/1"}`))
}

func TestAResultIsAwaited(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	r, err := sendAsync(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 1:
			fmt.Fprint(w, `{"command_id":"o/1","status":"pending"}`)
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			fmt.Fprint(w, `{"command_id":"o/1","status":"accepted","version":1}`)
		}
	})
	if err != nil || r.accepted != 1 || r.failed != 0 || asked.Load() != 3 {
		t.Errorf("%+v after %d questions: %v", r, asked.Load(), err)
	}
}

func TestAResultThatDoesNotCome(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		status int
		note   string
		stops  bool
	}{
		"pending":     {`{"command_id":"o/1","status":"pending"}`, 200, "has no result: it is still pending", true},
		"dead letter": {`{"command_id":"o/1","status":"pending","code":"dead-letter","detail":"5 attempts failed"}`, 200, "is a dead letter: 5 attempts failed", false},
		"forgotten":   {`{"code":"command-not-found","detail":"too long ago"}`, 404, "status 404: command-not-found: too long ago", true},
		"stranger":    {`<html>`, 200, "not a command service's: <html>", true},
	} {
		r, err := sendAsync(t, 100*time.Millisecond, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.answer)
		})
		if c.stops != (err != nil) || r.failed != 1 || r.accepted != 0 || len(r.notes) != 1 || !strings.Contains(r.notes[0], c.note) {
			t.Errorf("%s: %v, %v", name, r.notes, err)
		}
	}
}

// The address of another service of the platform is not that of one that rejects every command.
func TestAnotherServiceRejectsNothing(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"code":"unknown-route","detail":"there are: GET /v1/views"}`)
	}))
	t.Cleanup(server.Close)
	s := sender{url: server.URL, concurrency: 1, patience: time.Minute, progress: func() {}}
	r, err := s.send(t.Context(), strings.NewReader(`{"category":"account","id":"a","command":"open","command_id":"o/1"}`))
	if err == nil || r.rejected != 0 || r.failed != 1 {
		t.Errorf("%+v: %v", r, err)
	}
}
