package services

import (
	"context"

	"orchestrix/shared/runtime"
	"orchestrix/shared/service"
)

// Projection runs the projection service until ctx ends.
func (a App) Projection(ctx context.Context, env service.Env, config service.ProjectionConfig) error {
	registry, _, err := a.registry()
	if err != nil {
		return err
	}
	admin := &projectionAdmin{registry: registry}
	admin.routes(env.Admin.Mux)
	backends, err := a.Open(ctx, env, false)
	if err != nil {
		return err
	}
	defer backends.Close()
	if err := backends.Prepare(ctx); err != nil {
		return err
	}
	projector := runtime.NewProjector(registry, backends.Log, backends.Views, runtime.ProjectorConfig{
		Batch: config.Batch, LeaseTTL: config.LeaseTTL, KeepOld: config.KeepOld, Logger: env.Logger,
		Observer: env.Admin.Metrics.Projections, System: messagingSystem(env),
	})
	env.Admin.Metrics.Projector(projector.Status)
	admin.running.Store(&projections{
		log: backends.Log, views: backends.Views, projector: projector, parking: runtime.NewParking(registry, backends.Log, backends.Views),
	})
	return service.Run(ctx, env.Common.ShutdownTimeout, env.Logger,
		service.Part{Name: "projector", Run: projector.Run}, readiness(env, backends.Gone))
}
