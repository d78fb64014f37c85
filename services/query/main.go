// Command query is the query service of Orchestrix.
package main

import (
	"context"
	"os"

	"orchestrix/domain"
	"orchestrix/services"
	"orchestrix/shared/service"
)

func main() {
	var config service.QueryConfig
	os.Exit(service.Main("query", &config, func(ctx context.Context, env service.Env) error {
		return services.App{Modules: domain.Modules(), Open: services.Open}.Query(ctx, env, config)
	}))
}
