// Package domain lists the bounded contexts of the platform, one folder each.
package domain

import (
	"github.com/orchestrix-go/orchestrix/domain/banking"
	"github.com/orchestrix-go/orchestrix/domain/ordering"
	"github.com/orchestrix-go/orchestrix/shared/es"
)

// Modules returns the bounded contexts that all services run.
func Modules() []es.Module {
	return []es.Module{
		ordering.Module(),
		banking.Module(),
	}
}
