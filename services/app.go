// Package services wires the services of a domain: the backends they use, the parts they run, and the order in which these stop.
package services

import (
	"orchestrix/shared/es"
	"orchestrix/shared/schema"
)

// App is a domain and its backends. Each of its methods runs one service.
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
