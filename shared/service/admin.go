package service

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/pprof"

	"orchestrix/shared/observe"
)

// Admin is what a service shows its operators, on a port of its own. Routes may be added to Mux until it is
// served.
type Admin struct {
	Mux     *http.ServeMux
	Health  *Health
	Metrics *observe.Metrics
	level   *slog.LevelVar
}

// NewAdmin returns the admin port's routes: /healthz, /readyz, /metrics, /log-level and, where withProfiles
// says so, /debug/pprof/.
func NewAdmin(level *slog.LevelVar, metrics *observe.Metrics, withProfiles bool) *Admin {
	a := &Admin{Mux: http.NewServeMux(), Health: NewHealth(), Metrics: metrics, level: level}
	a.Mux.HandleFunc("GET /healthz", a.Health.ServeAlive)
	a.Mux.HandleFunc("GET /readyz", a.Health.ServeReady)
	a.Mux.Handle("GET /metrics", a.Metrics.Handler())
	a.Mux.HandleFunc("GET /log-level", a.getLevel)
	a.Mux.HandleFunc("PUT /log-level", a.putLevel)
	a.Mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		WriteProblem(w, http.StatusNotFound, "not-found", "there is nothing at "+r.Method+" "+r.URL.Path)
	})
	if withProfiles {
		a.Mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		a.Mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		a.Mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		a.Mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		a.Mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	}
	return a
}

type levelBody struct {
	Level string `json:"level"`
}

func (a *Admin) getLevel(w http.ResponseWriter, _ *http.Request) {
	WriteJSON(w, http.StatusOK, levelBody{Level: a.level.Level().String()})
}

func (a *Admin) putLevel(w http.ResponseWriter, r *http.Request) {
	var body levelBody
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&body)
	var level slog.Level
	if err == nil {
		level, err = parseLevel(body.Level)
	}
	if err != nil {
		WriteProblem(w, http.StatusBadRequest, "bad-level", `the body must be {"level": "debug"}, or info, warn or error: `+err.Error())
		return
	}
	a.level.Set(level)
	a.getLevel(w, r)
}

// WriteJSON answers an admin request.
func WriteJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that has left can't be told
}

// WriteProblem answers an admin request with an error, as RFC 9457 says.
func WriteProblem(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "urn:orchestrix:problem:" + code, "title": http.StatusText(status), "status": status, "code": code, "detail": detail,
	})
}
