// Package ordering is a sample domain: orders that are placed, shipped and cancelled, and views of sales. Read order.go first.
// The other files hold the sale that orders and views share, the stock and payments of managed orders, the views and a query.
package ordering

import (
	"github.com/quagmt/udecimal"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// DefaultPaymentLimit is the default of [PaymentLimit].
var DefaultPaymentLimit = Money{udecimal.MustFromInt64(20_000, 0)}

// Option configures the module. Options are applied once, when the program makes its modules, because decisions must not
// depend on anything that changes while the program runs.
type Option func(*options)

type options struct{ paymentLimit Money }

// PaymentLimit sets the largest payment that is not declined.
func PaymentLimit(limit Money) Option { return func(o *options) { o.paymentLimit = limit } }

// Module returns the bounded context ordering.
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
