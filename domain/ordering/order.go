package ordering

import "orchestrix/shared/es"

// Events: what has happened to an order.
type (
	// OrderPlaced says that a customer has ordered.
	OrderPlaced struct {
		Sale
		OrderedAt  string `json:"ordered_at"`
		RequiredAt string `json:"required_at"`
		Freight    Money  `json:"freight"`
	}

	// OrderShipped says that the order has left the house.
	OrderShipped struct {
		ShippedAt string `json:"shipped_at"`
		Carrier   string `json:"carrier"`
	}

	// OrderCancelled says that the order will not be shipped. It repeats the sale, so that a view that has
	// counted it can take it back.
	OrderCancelled struct {
		Sale
		Reason string `json:"reason"`
	}
)

// Order is the state: what it takes to decide the next command. Its zero value is an order that was not placed.
type Order struct {
	Sale
	Status Status `json:"status"`
}

// Status is how far an order has come.
type Status string

// The status of an order.
const (
	NotPlaced Status = ""
	Placed    Status = "placed"
	Shipped   Status = "shipped"
	Cancelled Status = "cancelled"
)

// OrderDecider is the order: its streams are order-10248, order-10249, …
var OrderDecider = es.Decider[Order]{
	Category: "order",
	Decide: es.Commands[Order]{
		es.Handle("place", Order.place),
		es.Handle("ship", Order.ship),
		es.Handle("cancel", Order.cancel),
	},
	Evolve: es.Events[Order]{
		es.Apply("OrderPlaced", Order.placed),
		es.Apply("OrderShipped", Order.shipped),
		es.Apply("OrderCancelled", Order.cancelled),
	},
}

// Evolve: how the state follows from the events.

func (o Order) placed(e OrderPlaced) Order {
	return Order{Sale: e.Sale, Status: Placed}
}

func (o Order) shipped(OrderShipped) Order {
	o.Status = Shipped
	return o
}

func (o Order) cancelled(OrderCancelled) Order {
	o.Status = Cancelled
	return o
}

// Decide: what a command makes happen, or why not.

func (o Order) place(c Place) ([]es.Event, error) {
	switch {
	case o.Status == Cancelled:
		return o.notOpen()
	case o.Status != NotPlaced:
		return es.Reject("order-already-placed", "the order has been placed before; a new order needs a new id")
	case len(c.Lines) == 0:
		return es.Reject("order-empty", "an order has at least one line")
	}
	return es.Accept(OrderPlaced(c))
}

func (o Order) ship(c Ship) ([]es.Event, error) {
	if o.Status != Placed {
		return o.notOpen()
	}
	return es.Accept(OrderShipped(c))
}

func (o Order) cancel(c Cancel) ([]es.Event, error) {
	if o.Status != Placed {
		return o.notOpen()
	}
	return es.Accept(OrderCancelled{Sale: o.Sale, Reason: c.Reason})
}

// notOpen is the answer to a command that only an order that waits for shipment takes.
func (o Order) notOpen() ([]es.Event, error) {
	switch o.Status {
	case Shipped:
		return es.Reject("order-already-shipped", "the order has been shipped")
	case Cancelled:
		return es.Reject("order-cancelled", "the order has been cancelled")
	default:
		return es.Reject("order-not-placed", "the order has not been placed")
	}
}
