package platform

import (
	"context"
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/runtime/projection"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// Projection runs the projection service until ctx ends.
func (s Services) Projection(ctx context.Context, env service.Env, config service.ProjectionConfig) error {
	registry, _, err := s.registry()
	if err != nil {
		return err
	}
	admin := env.Admin.API.Projections(registry)
	backends, err := s.Open(ctx, env, false)
	if err != nil {
		return err
	}
	defer backends.Close()
	if err := backends.Prepare(ctx); err != nil {
		return err
	}
	projector := projection.New(registry, backends.Log, backends.Views, projection.Config{
		Batch: config.Batch, LeaseTTL: config.LeaseTTL, KeepOld: config.KeepOld, Logger: env.Logger,
		Observer: env.Admin.Metrics.Projections, System: messagingSystem(env),
	})
	env.Admin.Metrics.Projector(projector.Status)
	admin.Start(adminapi.Projections{
		Log: backends.Log, Views: backends.Views, Projector: projector, Parking: projection.NewParkedEvents(registry, backends.Log, backends.Views),
	})
	parts := []service.Part{{Name: "projector", Run: projector.Run}}
	return service.Run(ctx, env.Common.ShutdownTimeout, env.Logger, slices.Concat(parts, s.Hooks.extend(env).parts(), []service.Part{readiness(env, backends.Gone)})...)
}
