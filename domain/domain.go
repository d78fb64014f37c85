// Package domain is what this platform is about: one folder a bounded context, and one line each here.
package domain

import (
	"orchestrix/domain/banking"
	"orchestrix/domain/ordering"
	"orchestrix/shared/es"
)

// Modules are the bounded contexts that every service runs.
func Modules() []es.Module {
	return []es.Module{
		ordering.Module(),
		banking.Module(),
	}
}
