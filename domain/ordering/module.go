// Package ordering takes orders, ships and cancels them, and tells what was sold to whom. Read order.go first:
// the other files are its commands, its views and a query.
package ordering

import "orchestrix/shared/es"

// Module is what ordering offers to the platform.
func Module() es.Module {
	return es.Module{
		Name:     "ordering",
		Deciders: []es.DeciderDef{OrderDecider},
		Views:    []es.ViewDef{OrderSummaries, SalesByCountry, SalesByCustomer, SalesByProduct},
		Queries:  []es.QueryDef{TopCustomersQuery},
	}
}
