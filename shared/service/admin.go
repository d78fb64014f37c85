package service

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/pprof"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// Admin is the admin port of a service, for operators.
type Admin struct {
	Mux     *http.ServeMux
	API     *adminapi.API // adds its routes to Mux
	Health  *Health
	Metrics *observe.Metrics
	level   *slog.LevelVar
}

// NewAdmin returns an admin port with the routes /healthz, /readyz, /metrics, /log-level, /openapi.json and, withProfiles,
// /debug/pprof/.
func NewAdmin(level *slog.LevelVar, metrics *observe.Metrics, withProfiles bool) *Admin {
	mux := http.NewServeMux()
	a := &Admin{Mux: mux, API: adminapi.New(mux), Health: NewHealth(), Metrics: metrics, level: level}
	a.Mux.HandleFunc("GET /healthz", a.Health.ServeAlive)
	a.Mux.HandleFunc("GET /readyz", a.Health.ServeReady)
	a.Mux.Handle("GET /metrics", a.Metrics.Handler())
	a.Mux.HandleFunc("GET /log-level", a.getLevel)
	a.Mux.HandleFunc("PUT /log-level", a.putLevel)
	a.Mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		adminapi.WriteError(w, problem.NotFound.Errorf("there is nothing at %s %s", r.Method, r.URL.Path))
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

// Share returns the admin port for another service of the same process. It has the same routes and metrics, and a [Health] of
// its own that no route reports.
func (a *Admin) Share() *Admin {
	return &Admin{Mux: a.Mux, API: a.API, Health: NewHealth(), Metrics: a.Metrics, level: a.level}
}

type levelBody struct {
	Level string `json:"level"`
}

func (a *Admin) getLevel(w http.ResponseWriter, _ *http.Request) {
	adminapi.WriteJSON(w, http.StatusOK, levelBody{Level: a.level.Level().String()})
}

func (a *Admin) putLevel(w http.ResponseWriter, r *http.Request) {
	var body levelBody
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&body)
	var level slog.Level
	if err == nil {
		level, err = parseLevel(body.Level)
	}
	if err != nil {
		adminapi.WriteError(w, problem.BadLevel.Errorf(`the body must be {"level": "debug"}, or info, warn or error: %v`, err))
		return
	}
	a.level.Set(level)
	a.getLevel(w, r)
}
