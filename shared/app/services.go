package app

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// serviceInfo is a service and what it does, for help.
type serviceInfo struct{ name, does string }

var services = []serviceInfo{
	{CommandService, "executes commands over HTTP and from the bus"},
	{ProjectionService, "keeps the views"},
	{QueryService, "serves the views and the streams over HTTP"},
	{ProcessService, "runs the processes"},
}

// newService returns the subcommand that runs a service. The service handles its arguments itself.
func (p program) newService(s serviceInfo) *cobra.Command {
	serve := func(cmd *cobra.Command, args []string) error {
		if status := p.serve(cmd.Context(), p.name+" "+s.name, s.name, args); status != 0 {
			return exitStatus(status)
		}
		return nil
	}
	command := &cobra.Command{
		Use: s.name, Short: fmt.Sprintf("Run the %s service: it %s", s.name, s.does), DisableFlagParsing: true, RunE: serve,
	}
	command.SetHelpFunc(func(cmd *cobra.Command, _ []string) { _ = serve(cmd, []string{"-h"}) }) // it has printed its error
	return command
}

// serve runs one of the services, and returns the exit status. call is how the service was started, for messages.
func (p program) serve(ctx context.Context, call, name string, args []string) int {
	s := platform.Services{Modules: p.options.Modules, Open: p.open, Hooks: p.hooks}
	process := service.Process{Program: p.name, Call: call, Service: name, Args: args, Variables: p.variables}
	switch name {
	case CommandService:
		var config service.CommandConfig
		process.Config = &config
		process.Run = func(ctx context.Context, env service.Env) error { return s.Command(ctx, env, config) }
	case ProjectionService:
		var config service.ProjectionConfig
		process.Config = &config
		process.Run = func(ctx context.Context, env service.Env) error { return s.Projection(ctx, env, config) }
	case QueryService:
		var config service.QueryConfig
		process.Config = &config
		process.Run = func(ctx context.Context, env service.Env) error { return s.Query(ctx, env, config) }
	default: // ProcessService
		var config service.ProcessConfig
		process.Config = &config
		process.Run = func(ctx context.Context, env service.Env) error { return s.Process(ctx, env, config) }
	}
	return service.Main(ctx, process)
}
