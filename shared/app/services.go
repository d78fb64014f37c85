package app

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// services are the subcommands that run a service, with what the services do.
var services = []struct{ name, does string }{
	{"command", "executes commands over HTTP and from the bus"},
	{"projection", "keeps the views"},
	{"query", "serves the views and the streams over HTTP"},
	{"process", "runs the processes"},
}

// newService returns the subcommand that runs a service. The service handles its arguments itself.
func (p program) newService(s struct{ name, does string }) *cobra.Command {
	serve := func(cmd *cobra.Command, args []string) error {
		if status := p.serve(cmd.Context(), p.name, s.name, args); status != 0 {
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

// serve runs a service, and returns the exit status. caller is the program that has the service as a subcommand, or empty.
func (p program) serve(ctx context.Context, caller, name string, args []string) int {
	s := platform.Services{Modules: p.options.Modules, Open: p.open, Hooks: p.hooks}
	process := service.Process{Program: caller, Service: name, Args: args, Variables: p.variables}
	switch name {
	case platform.CommandUser:
		var config service.CommandConfig
		process.Config = &config
		process.Run = func(ctx context.Context, env service.Env) error { return s.Command(ctx, env, config) }
	case platform.ProjectionUser:
		var config service.ProjectionConfig
		process.Config = &config
		process.Run = func(ctx context.Context, env service.Env) error { return s.Projection(ctx, env, config) }
	case platform.QueryUser:
		var config service.QueryConfig
		process.Config = &config
		process.Run = func(ctx context.Context, env service.Env) error { return s.Query(ctx, env, config) }
	case platform.ProcessUser:
		var config service.ProcessConfig
		process.Config = &config
		process.Run = func(ctx context.Context, env service.Env) error { return s.Process(ctx, env, config) }
	default:
		panic(fmt.Sprintf("there is no service %q: it may be command, projection, query or process", name))
	}
	return service.Main(ctx, process)
}
