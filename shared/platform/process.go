package platform

import (
	"context"
	"errors"
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/process"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// errNoBus: processes can't run without a message bus.
var errNoBus = errors.New("processes need the message bus of JetStream, and " + service.Prefix + "_LOG=postgres has none: " +
	"leave the process service out, or put the log into JetStream")

// Process runs the process service until ctx ends.
func (s Services) Process(ctx context.Context, env service.Env, config service.ProcessConfig) error {
	if env.Common.Log == service.LogInPostgres {
		return errNoBus
	}
	registry, schemas, err := s.registry()
	if err != nil {
		return err
	}
	admin := env.Admin.API.Processes(registry)
	backends, err := s.Open(ctx, env, false)
	if err != nil {
		return err
	}
	defer backends.Close()
	if err := backends.Prepare(ctx); err != nil {
		return err
	}
	executor, err := command.NewExecutor(registry, backends.Log, backends.Snapshots, command.Config{
		Sender: ProcessUser, CacheSize: config.CacheSize, CacheBytes: config.CacheBytes, SnapshotEvery: config.SnapshotEvery, Logger: env.Logger, Observer: env.Admin.Metrics.Commands,
	})
	if err != nil {
		return err
	}
	env.Admin.Metrics.Executor(executor)
	bus, deadlines := env.Admin.Metrics.Bus(backends.Bus), env.Admin.Metrics.Deadlines(backends.Deadlines)
	runner := process.NewRunner(registry, backends.Log, executor, backends.Views, bus, deadlines, process.Config{
		Parallel: config.Parallel, LeaseTTL: config.LeaseTTL, Check: schemas.CheckCommand, Logger: env.Logger,
		System: messagingSystem(env), Failpoint: s.Failpoint, CommandID: s.CommandID,
	})
	env.Admin.Metrics.Processes(runner, backends.Views)
	admin.Start(adminapi.Processes{Log: backends.Log, Views: backends.Views, Deadlines: backends.Deadlines, Runner: runner})
	parts := []service.Part{{Name: "executor", Run: executor.Run}, {Name: "processes", Run: runner.Run}}
	return service.Run(ctx, env.Common.ShutdownTimeout, env.Logger, slices.Concat(parts, s.Hooks.extend(env).parts(), []service.Part{readiness(env, backends.Gone)})...)
}
