// Package compile turns the modules of package es into what the engine runs. It is for the engine and its tests: it shows types
// that authors do not need, so it is no part of es.
package compile

import (
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/internal/bridge"
)

// Modules checks the modules as [es.Check] does, and returns their registry. The error lists all faults of all modules.
func Modules(modules ...es.Module) (*core.Registry, error) { return bridge.Compile(modules) }
