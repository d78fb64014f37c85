package platform

import (
	"context"
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// Query runs the query service until ctx ends.
func (s Services) Query(ctx context.Context, env service.Env, config service.QueryConfig) error {
	registry, schemas, err := s.registry()
	if err != nil {
		return err
	}
	listener, err := listen(ctx, env, config.Addr)
	if err != nil {
		return err
	}
	defer listener.Close() //nolint:errcheck // the server has closed it
	backends, err := s.Open(ctx, env, false)
	if err != nil {
		return err
	}
	defer backends.Close()
	if err := backends.Prepare(ctx); err != nil {
		return err
	}
	queries := query.New(registry, backends.Log, backends.Views, backends.Snapshots, env.Logger)
	env.Admin.Health.Add(service.Check{Name: "views", Probe: queries.Ready})
	hooks := s.Hooks.extend(env)
	options, err := hooks.apiOptions(env, config.HTTP)
	if err != nil {
		return err
	}
	options.MaxWaiting = config.MaxWaiting
	api, err := httpapi.NewQueryAPI(registry, schemas, queries, options)
	if err != nil {
		return err
	}
	server, err := hooks.serve(env, config.HTTP, listener, api)
	if err != nil {
		return err
	}
	env.Logger.InfoContext(ctx, "serving", "url", "http://"+listener.Addr().String())
	parts := []service.Part{{Name: "queries", Run: queries.Run}}
	return service.Run(ctx, env.Common.ShutdownTimeout, env.Logger, slices.Concat(parts, hooks.parts(), []service.Part{server, readiness(env, backends.Gone)})...)
}
