// Package services wires the services of a domain: what they stand on, what they run, and in which order it stops.
package services

import (
	"orchestrix/shared/es"
	"orchestrix/shared/schema"
)

// App is a domain with what it runs on. Each of its methods is one service.
type App struct {
	Modules []es.Module
	Open    Opener

	// Failpoint and CommandID are for tests: see [runtime.ProcessConfig].
	Failpoint func(point string) error
	CommandID func(id string) string
}

// registry registers every bounded context.
func (a App) registry() (*es.Registry, *schema.Schemas, error) {
	registry, err := es.NewRegistry(a.Modules...)
	if err != nil {
		return nil, nil, err
	}
	schemas, err := schema.New(registry)
	return registry, schemas, err
}
