package adminapi_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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
	if w := postAs(t, mux, "/projections/none/pause", `{"reason":"a test"}`); w.Code != http.StatusNotFound {
		t.Errorf("%d %s", w.Code, w.Body)
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
	for _, body := range []string{`{"reason":"a\u001b[2J"}`, `{"reason":"a\nb"}`, `{"reason":"\u009b"}`, `{"reason":"\u202eb"}`, `{"reason":"a\u0000"}`} {
		if w := postAs(t, mux, "/projections/process-runner/pause", body); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "control characters") {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

// postAs sends the request of an operator with the name ada.
func postAs(t *testing.T, mux http.Handler, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	const token = "a-token-of-twenty-letters"
	file := filepath.Join(t.TempDir(), "admin.token")
	if err := os.WriteFile(file, []byte("ada:"+token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	adminapi.Protect(mux, adminapi.TokenFile(file), slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	return w
}
