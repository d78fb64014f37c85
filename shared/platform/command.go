package platform

import (
	"context"
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/problem"
	"github.com/orchestrix-go/orchestrix/shared/runtime/async"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// Command runs the command service until ctx ends. It needs the log; without Postgres it runs without snapshots.
func (s Services) Command(ctx context.Context, env service.Env, config service.CommandConfig) error {
	registry, schemas, err := s.registry()
	if err != nil {
		return err
	}
	listener, err := listen(ctx, env, config.Addr)
	if err != nil {
		return err
	}
	defer listener.Close() //nolint:errcheck // the server has closed it
	admin := env.Admin.API.Bus(env.Logger)
	backends, err := s.Open(ctx, env, true)
	if err != nil {
		return err
	}
	defer backends.Close()
	admin.Start(adminapi.Bus{DeadLetters: backends.Bus, Deadlines: backends.Deadlines, Actions: backends.Views})
	executor, err := command.NewExecutor(registry, backends.Log, backends.Snapshots, command.Config{
		Sender: CommandUser, CacheSize: config.CacheSize, CacheBytes: config.CacheBytes, SnapshotEvery: config.SnapshotEvery, Logger: env.Logger, Observer: env.Admin.Metrics.Commands,
	})
	if err != nil {
		return err
	}
	env.Admin.Metrics.Executor(executor)
	hooks := s.Hooks.extend(env)
	options, err := hooks.apiOptions(env, config.HTTP)
	if err != nil {
		return err
	}
	queue := idle("queue")
	if backends.Bus != nil {
		bus := env.Admin.Metrics.Bus(backends.Bus)
		statuses := async.NewStatusStore(backends.Statuses)
		if backends.StatusesSize != nil {
			statuses.LimitTo(config.OutcomesBytes, backends.StatusesSize)
		}
		options.Async = async.NewSubmitter(bus, statuses)
		queue.Run = async.NewWorker(registry, executor, bus, statuses, async.Config{
			Decode: schemas.DecodeCommand, Explain: problem.Explain, Reply: backends.Reply, Logger: env.Logger,
		}).Run
	}
	api, err := httpapi.NewCommandAPI(registry, schemas, executor, options)
	if err != nil {
		return err
	}
	server, err := hooks.serve(env, config.HTTP, listener, api)
	if err != nil {
		return err
	}
	env.Logger.InfoContext(ctx, "serving", "url", "http://"+listener.Addr().String())
	parts := []service.Part{
		{Name: "migrations", Run: func(ctx context.Context) error {
			if err := backends.Prepare(ctx); err != nil && ctx.Err() == nil {
				env.Logger.WarnContext(ctx, "snapshots are not available", "error", err)
			}
			<-ctx.Done()
			return nil
		}},
		{Name: "executor", Run: executor.Run}, queue,
	}
	return service.Run(ctx, env.Common.ShutdownTimeout, env.Logger, slices.Concat(parts, hooks.parts(), []service.Part{server, readiness(env, backends.Gone)})...)
}

// idle returns a part that does nothing until it is stopped.
func idle(name string) service.Part {
	return service.Part{Name: name, Run: func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	}}
}
