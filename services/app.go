package services

import (
	"orchestrix/shared/core"
	"orchestrix/shared/es"
	"orchestrix/shared/schema"
)

// App is a domain and its backends. Each of its methods runs one service.
type App struct {
	Modules []es.Module
	Open    Opener

	// Failpoint and CommandID are for tests: see [process.Config].
	Failpoint func(point string) error
	CommandID func(id string) string
}

// registry returns the registry of all modules, and their schemas.
func (a App) registry() (*core.Registry, *schema.Schemas, error) {
	registry, err := es.NewRegistry(a.Modules...)
	if err != nil {
		return nil, nil, err
	}
	schemas, err := schema.New(registry)
	return registry, schemas, err
}
