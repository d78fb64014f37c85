package services

import (
	"context"
	"net/http"
	"sync/atomic"

	"orchestrix/shared/postgres"
	"orchestrix/shared/runtime"
	"orchestrix/shared/service"
)

// Projection runs the projection service until ctx ends.
func Projection(ctx context.Context, env service.Env, config service.ProjectionConfig) error {
	registry, _, err := domainOf()
	if err != nil {
		return err
	}
	var running atomic.Pointer[runtime.Projector]
	env.Admin.Mux.HandleFunc("GET /projections", func(w http.ResponseWriter, _ *http.Request) {
		projector := running.Load()
		if projector == nil {
			service.WriteProblem(w, http.StatusServiceUnavailable, "starting", "the projections have not started yet")
			return
		}
		service.WriteJSON(w, http.StatusOK, listOf(projector.Status()))
	})
	db, err := openDatabase(env, false)
	if err != nil {
		return err
	}
	defer db.Close()
	events, err := openLog(ctx, env)
	if err != nil {
		return err
	}
	defer events.connection.Close()
	if err := migrate(ctx, env, db); err != nil {
		return err
	}
	projector := runtime.NewProjector(registry, events, postgres.NewViews(db), runtime.ProjectorConfig{
		Batch: config.Batch, LeaseTTL: config.LeaseTTL, Logger: env.Logger,
	})
	running.Store(projector)
	return service.Run(ctx, env.Common.ShutdownTimeout, env.Logger,
		service.Part{Name: "projector", Run: projector.Run}, readiness(env))
}
