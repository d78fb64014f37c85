// Command process is the process service of Orchestrix.
package main

import (
	"context"
	"os"

	"orchestrix/domain"
	"orchestrix/services"
	"orchestrix/shared/service"
)

func main() {
	var config service.ProcessConfig
	os.Exit(service.Main("process", &config, func(ctx context.Context, env service.Env) error {
		return services.App{Modules: domain.Modules(), Open: services.Open}.Process(ctx, env, config)
	}))
}
