package app

import (
	"context"
	"fmt"
	"os"

	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// Service runs one service as the whole process: command, projection, query or process. It reads the configuration from the
// environment, and ends the process.
func Service(name string, o Options) {
	services := platform.Services{Modules: o.Modules, Open: platform.Open}
	os.Exit(runService(name, services))
}

func runService(name string, services platform.Services) int {
	switch name {
	case "command":
		var config service.CommandConfig
		return service.Main(name, &config, func(ctx context.Context, env service.Env) error { return services.Command(ctx, env, config) })
	case "projection":
		var config service.ProjectionConfig
		return service.Main(name, &config, func(ctx context.Context, env service.Env) error { return services.Projection(ctx, env, config) })
	case "query":
		var config service.QueryConfig
		return service.Main(name, &config, func(ctx context.Context, env service.Env) error { return services.Query(ctx, env, config) })
	case "process":
		var config service.ProcessConfig
		return service.Main(name, &config, func(ctx context.Context, env service.Env) error { return services.Process(ctx, env, config) })
	}
	panic(fmt.Sprintf("there is no service %q", name))
}
