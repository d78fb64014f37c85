package adminapi_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Each action is a line of the log, also one that failed; who asked for it can't write a second line, or to a terminal.
func TestActionsAreLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	mux := http.NewServeMux()
	api := adminapi.New(mux)
	api.LogActions(slog.New(slog.NewTextHandler(&log, nil)))
	api.Projections(&core.Registry{}).Start(adminapi.Projections{})
	post := func(body string) (status int, answer string) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/projections/none/pause", strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	if status, answer := post(`{"who":"ada","reason":"a test"}`); status != http.StatusNotFound {
		t.Errorf("%d %s", status, answer)
	}
	for _, text := range []string{`POST /projections/none/pause`, "who=ada", "a test", "no module has a view"} {
		if !strings.Contains(log.String(), text) {
			t.Errorf("the log has no %q: %s", text, log.String())
		}
	}
}

func TestActionsAreReadable(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	adminapi.New(mux).Projections(&core.Registry{}).Start(adminapi.Projections{})
	for _, body := range []string{`{"who":"ada\u001b[2J"}`, `{"who":"ada\nbob"}`, `{"who":"ada","reason":"\u009b"}`, `{"who":"\u202eada"}`, `{"who":"a\u0000"}`} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/projections/process-runner/pause", strings.NewReader(body)))
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "control characters") {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}
