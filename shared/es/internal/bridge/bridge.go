// Package bridge leads from package es to package compile, past the API that authors see.
package bridge

import "github.com/orchestrix-go/orchestrix/shared/core"

// Compile checks modules, a []es.Module, and returns their registry. Package es sets it, which this package can't import.
var Compile func(modules any) (*core.Registry, error)
