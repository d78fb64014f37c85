package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

const secret = "a-token-for-the-tests"

func ask(t *testing.T, a *service.Admin, method, path, body string) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+secret)
	ports := map[bool]http.Handler{true: a.HealthHandler(), false: a.Handler(adminapi.OneToken("ada", secret), slog.New(slog.DiscardHandler))}
	ports[slices.Contains([]string{"/healthz", "/readyz", "/metrics"}, path)].ServeHTTP(w, r)
	var answer map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil && strings.Contains(w.Header().Get("Content-Type"), "json") {
		t.Fatalf("%s %s answered %s", method, path, w.Body)
	}
	return w.Code, answer
}

func TestReadinessNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		checks []service.Check
		phase  func(*service.Health)
		code   int
		status string
	}{
		"starting":             {nil, func(*service.Health) {}, http.StatusServiceUnavailable, "starting"},
		"ready":                {[]service.Check{{Name: "log", Probe: works}}, (*service.Health).Started, http.StatusOK, "ready"},
		"a dependency is gone": {[]service.Check{{Name: "log", Probe: works}, {Name: "postgres", Probe: fails}}, (*service.Health).Started, http.StatusServiceUnavailable, "not-ready"},
		"an optional one is":   {[]service.Check{{Name: "postgres", Optional: true, Probe: fails}}, (*service.Health).Started, http.StatusOK, "ready"},
		"draining":             {nil, (*service.Health).Draining, http.StatusServiceUnavailable, "draining"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := service.NewAdmin(new(slog.LevelVar), observe.NewMetrics("test"), false)
			a.Health.Add(test.checks...)
			test.phase(a.Health)
			code, answer := ask(t, a, http.MethodGet, "/readyz", "")
			if code != test.code || answer["status"] != test.status {
				t.Errorf("got %d %v", code, answer)
			}
			for i, check := range test.checks {
				report := answer["checks"].([]any)[i].(map[string]any)
				if failing := check.Probe(t.Context()) != nil; report["name"] != check.Name || failing != (report["error"] != nil) {
					t.Errorf("check %s is reported as %v", check.Name, report)
				}
			}
			if code, _ := ask(t, a, http.MethodGet, "/healthz", ""); code != http.StatusOK {
				t.Errorf("/healthz got %d", code)
			}
		})
	}
}

func works(context.Context) error { return nil }
func fails(context.Context) error { return errors.New("gone") }

func TestTheLogLevelChangesAtRunTime(t *testing.T) {
	t.Parallel()
	level := new(slog.LevelVar)
	a := service.NewAdmin(level, observe.NewMetrics("test"), false)
	if code, answer := ask(t, a, http.MethodPut, "/log-level", `{"level":"debug"}`); code != http.StatusOK || answer["level"] != "DEBUG" {
		t.Errorf("got %d %v", code, answer)
	}
	if level.Level() != slog.LevelDebug {
		t.Errorf("the level is %v", level.Level())
	}
	for _, body := range []string{`{"level":"loud"}`, `{`, ``, strings.Repeat(" ", 5000) + `{"level":"info"}`} {
		if code, answer := ask(t, a, http.MethodPut, "/log-level", body); code != http.StatusBadRequest || answer["code"] != "bad-level" {
			t.Errorf("%.20q got %d %v", body, code, answer)
		}
	}
	if level.Level() != slog.LevelDebug {
		t.Errorf("after bad requests the level is %v", level.Level())
	}
}

func TestAdminRoutes(t *testing.T) {
	t.Parallel()
	plain, profiling := service.NewAdmin(new(slog.LevelVar), observe.NewMetrics("test"), false), service.NewAdmin(new(slog.LevelVar), observe.NewMetrics("test"), true)
	if code, _ := ask(t, plain, http.MethodGet, "/metrics", ""); code != http.StatusOK {
		t.Errorf("/metrics got %d", code)
	}
	if code, answer := ask(t, plain, http.MethodGet, "/debug/pprof/cmdline", ""); code != http.StatusNotFound || answer["code"] != "not-found" {
		t.Errorf("profiles that are switched off got %d %v", code, answer)
	}
	if code, _ := ask(t, profiling, http.MethodGet, "/debug/pprof/cmdline", ""); code != http.StatusOK {
		t.Errorf("profiles got %d", code)
	}
}
