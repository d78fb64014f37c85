package platform

import (
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/compile"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

// Services is a domain and its backends. Each of its methods runs one service.
type Services struct {
	Modules []es.Module
	Open    Opener
	Hooks   Hooks

	// Failpoint and CommandID are for tests: see [process.Config].
	Failpoint func(point string) error
	CommandID func(id string) string
}

// registry returns the registry of all modules, and their schemas.
func (s Services) registry() (*core.Registry, *schema.Schemas, error) {
	registry, err := compile.Modules(s.Modules...)
	if err != nil {
		return nil, nil, err
	}
	schemas, err := schema.New(registry)
	return registry, schemas, err
}
