// Command projection is the projection service of Orchestrix.
package main

import (
	"context"
	"os"

	"orchestrix/domain"
	"orchestrix/services"
	"orchestrix/shared/service"
)

func main() {
	var config service.ProjectionConfig
	os.Exit(service.Main("projection", &config, func(ctx context.Context, env service.Env) error {
		return services.App{Modules: domain.Modules(), Open: services.Open}.Projection(ctx, env, config)
	}))
}
