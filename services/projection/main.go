// Command projection is the projection service of Orchestrix.
package main

import (
	"context"
	"os"

	"orchestrix/services"
	"orchestrix/shared/service"
)

func main() {
	var config service.ProjectionConfig
	os.Exit(service.Main("projection", &config, func(ctx context.Context, env service.Env) error {
		return services.Projection(ctx, env, config, services.Open)
	}))
}
