package services

import (
	"context"
	"net/http"
	"sync/atomic"

	"orchestrix/shared/runtime"
	"orchestrix/shared/service"
)

// Projection runs the projection service until ctx ends.
func Projection(ctx context.Context, env service.Env, config service.ProjectionConfig, open Opener) error {
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
	backends, err := open(ctx, env, false)
	if err != nil {
		return err
	}
	defer backends.Close()
	if err := backends.Prepare(ctx); err != nil {
		return err
	}
	projector := runtime.NewProjector(registry, backends.Log, backends.Views, runtime.ProjectorConfig{
		Batch: config.Batch, LeaseTTL: config.LeaseTTL, Logger: env.Logger,
	})
	running.Store(projector)
	return service.Run(ctx, env.Common.ShutdownTimeout, env.Logger,
		service.Part{Name: "projector", Run: projector.Run}, readiness(env))
}
