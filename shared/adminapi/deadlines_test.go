package adminapi_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

func TestDeadlinesAreListed(t *testing.T) {
	t.Parallel()
	deadlines, mux := memory.NewDeadlines(), http.NewServeMux()
	adminapi.New(mux).Bus(slog.New(slog.DiscardHandler)).Start(adminapi.Bus{Deadlines: deadlines})
	at := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	for i, id := range []string{"b", "a"} { // b is due first
		of := core.Stream{Tenant: core.DefaultTenant, Category: "process-transfer", ID: id}
		if err := deadlines.SetDeadline(t.Context(), port.Deadline{Of: of, Name: "n", ID: "s-" + id, At: at.Add(time.Duration(i) * time.Minute)}); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"/deadlines": "b a ", "/deadlines?limit=1": "b ", "/deadlines?category=process-transfer&id=a": "a ", "/deadlines?category=other": "",
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		var list adminapi.DeadlineList
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Code != http.StatusOK || list.Items == nil {
			t.Fatalf("%s: %d %s: %v", path, w.Code, w.Body, err)
		}
		got := ""
		for _, d := range list.Items {
			got += d.ID + " "
			if d.Category != "process-transfer" || d.Name != "n" || d.Setting != "s-"+d.ID || d.At.Before(at) {
				t.Errorf("%s: %+v", path, d)
			}
		}
		if got != want {
			t.Errorf("%s: %q, not %q", path, got, want)
		}
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/deadlines?limit=none", nil))
	if w.Code != http.StatusBadRequest {
		t.Errorf("a bad limit: %d %s", w.Code, w.Body)
	}
}
