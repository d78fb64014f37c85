// Package library is written by hand, in other forms than those of the templates.
package library

import "github.com/orchestrix-go/orchestrix/shared/es"

// Module returns the bounded context library.
func Module() es.Module {
	return es.Module{Name: "library", Deciders: []es.DeciderDef{
		BookDecider, // the only one so far
		shelfDecider(12),
	}}
}
