// Command command is the command service of Orchestrix.
package main

import (
	"context"
	"os"

	"orchestrix/domain"
	"orchestrix/services"
	"orchestrix/shared/service"
)

func main() {
	var config service.CommandConfig
	os.Exit(service.Main("command", &config, func(ctx context.Context, env service.Env) error {
		return services.App{Modules: domain.Modules(), Open: services.Open}.Command(ctx, env, config)
	}))
}
