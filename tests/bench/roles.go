package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/domain"
	"github.com/orchestrix-go/orchestrix/shared/es"
	services "github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// roleVariable makes this program one of the processes that it starts: a baseline, or a service of the platform with
// another domain than the shipped one.
const roleVariable = "BENCH_ROLE"

// viewsVariable names the views that the projection role keeps, separated by commas; all of them where it is empty.
const viewsVariable = "BENCH_VIEWS"

const roleBaseline = "baseline"

// runRole returns the exit status.
func runRole(role string) int {
	app := services.Services{Modules: modules(os.Getenv(viewsVariable)), Open: services.Open}
	ctx, stop := service.UntilSignal()
	defer stop()
	switch role {
	case roleBaseline:
		if err := runBaseline(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	case "command":
		var config service.CommandConfig
		return service.Main(ctx, service.Process{Service: role, Args: os.Args[1:], Config: &config, Run: func(ctx context.Context, env service.Env) error { return app.Command(ctx, env, config) }})
	case "projection":
		var config service.ProjectionConfig
		return service.Main(ctx, service.Process{Service: role, Args: os.Args[1:], Config: &config, Run: func(ctx context.Context, env service.Env) error { return app.Projection(ctx, env, config) }})
	}
	fmt.Fprintf(os.Stderr, "%s is %q\n", roleVariable, role)
	return 2
}

// modules are those of the product, with the named views alone, and the tally.
func modules(views string) []es.Module {
	all := slices.Clone(domain.Modules())
	if views != "" {
		named := strings.Split(views, ",")
		for i := range all {
			all[i].Views = slices.DeleteFunc(slices.Clone(all[i].Views), func(v es.ViewDef) bool {
				return !slices.Contains(named, viewName(all[i], v))
			})
		}
	}
	return append(all, tallyModule())
}

// viewName asks a registry, since a definition does not tell.
func viewName(m es.Module, v es.ViewDef) string {
	r, err := compile.Modules(es.Module{Name: m.Name, Deciders: m.Deciders, Views: []es.ViewDef{v}})
	if err != nil {
		return ""
	}
	return r.Views()[0].Name
}
