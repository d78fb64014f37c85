package service

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// Admin is what a service shows and offers to those who run it, on two ports: the health port, which everyone may read who
// reaches it, and the admin port, for operators.
type Admin struct {
	API     *adminapi.API // adds its routes to the admin port
	Health  *Health
	Metrics *observe.Metrics
	mux     *http.ServeMux // of the admin port
	level   *slog.LevelVar
}

// NewAdmin returns an admin port with the routes /log-level, /openapi.json and, withProfiles, /debug/pprof/, and a health port.
func NewAdmin(level *slog.LevelVar, metrics *observe.Metrics, withProfiles bool) *Admin {
	mux := http.NewServeMux()
	a := &Admin{API: adminapi.New(mux), Health: NewHealth(), Metrics: metrics, mux: mux, level: level}
	mux.HandleFunc("GET /log-level", a.getLevel)
	mux.HandleFunc("PUT /log-level", a.putLevel)
	mux.HandleFunc("/", nothingHere)
	if withProfiles {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	}
	return a
}

// Handler returns the admin port. It answers to the tokens of operators alone.
func (a *Admin) Handler(tokens adminapi.Tokens, logger *slog.Logger) http.Handler {
	return adminapi.Protect(a.mux, tokens, logger)
}

// HealthHandler returns the health port: /healthz, /readyz and /metrics. It reads, and changes nothing.
func (a *Admin) HealthHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", a.Health.ServeAlive)
	mux.HandleFunc("GET /readyz", a.Health.ServeReady)
	mux.Handle("GET /metrics", a.Metrics.Handler())
	mux.HandleFunc("/", nothingHere)
	return mux
}

func nothingHere(w http.ResponseWriter, r *http.Request) {
	adminapi.WriteError(w, problem.NotFound.Errorf("there is nothing at %s %s", r.Method, r.URL.Path))
}

// Share returns the ports for another service of the same process. They have the same routes and metrics, and a [Health] of
// its own that no route reports.
func (a *Admin) Share() *Admin {
	return &Admin{API: a.API, Health: NewHealth(), Metrics: a.Metrics, mux: a.mux, level: a.level}
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

// Parts returns the servers of the health port and, where it has a listener, of the admin port.
func (a *Admin) Parts(health, admin net.Listener, tokens adminapi.Tokens, guard WebGuard, logger *slog.Logger) ([]Part, error) {
	handler, err := guard.Protect(a.HealthHandler())
	if err != nil {
		return nil, err
	}
	parts := []Part{HTTPServer{Name: "health", Listener: health, Handler: handler, Logger: logger}.Part()}
	if admin == nil {
		return parts, nil
	}
	if handler, err = guard.Protect(a.Handler(tokens, logger)); err != nil {
		return nil, err
	}
	return append(parts, HTTPServer{Name: "admin", Listener: admin, Handler: handler, Logger: logger}.Part()), nil
}
