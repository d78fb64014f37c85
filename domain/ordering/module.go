// Package ordering takes orders, ships and cancels them, and tells what was sold to whom. Read order.go first: the other
// files are the sale that it shares with views, the stock and the payments that a managed order needs, the views and a query.
package ordering

import (
	"github.com/quagmt/udecimal"

	"orchestrix/shared/es"
)

// DefaultPaymentLimit is the largest payment that is not declined, where a program sets no other.
var DefaultPaymentLimit = Money{udecimal.MustFromInt64(20_000, 0)}

// Option changes how ordering decides. It is read once, when the program puts its modules together: a decision depends
// on nothing that may change while it runs.
type Option func(*options)

type options struct{ paymentLimit Money }

// PaymentLimit sets the largest payment that is not declined.
func PaymentLimit(limit Money) Option { return func(o *options) { o.paymentLimit = limit } }

// Module is what ordering offers to the platform.
func Module(with ...Option) es.Module {
	o := options{paymentLimit: DefaultPaymentLimit}
	for _, option := range with {
		option(&o)
	}
	return es.Module{
		Name:      "ordering",
		Deciders:  []es.DeciderDef{OrderDecider, StockDecider, NewPaymentDecider(o.paymentLimit)},
		Views:     []es.ViewDef{OrderSummaries, SalesByCountry, SalesByCustomer, SalesByProduct, StockLevels},
		Queries:   []es.QueryDef{TopCustomersQuery},
		Processes: []es.ProcessDef{FulfilmentProcess},
	}
}
