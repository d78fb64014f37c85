package ordering

import "github.com/orchestrix-go/orchestrix/shared/es"

// Events of an order.
type (
	// OrderPlaced means that a customer has placed the order.
	OrderPlaced struct {
		Sale
		OrderedAt  string `json:"ordered_at"`
		RequiredAt string `json:"required_at"`
		Freight    Money  `json:"freight"`

		Fulfilment Fulfilment `json:"fulfilment,omitempty"`
	}

	// OrderShipped means that the order has left the warehouse.
	OrderShipped struct {
		ShippedAt string `json:"shipped_at"`
		Carrier   string `json:"carrier"`
	}

	// OrderConfirmed means that the goods of a managed order are reserved and paid.
	OrderConfirmed struct{}

	// OrderFulfilmentFailed means that a managed order can't be fulfilled, and its reservations and its payment are undone. It repeats
	// the sale, as OrderCancelled does.
	OrderFulfilmentFailed struct {
		Sale
		Reason string `json:"reason"`
	}

	// OrderCancelled means that the order will not be shipped. It repeats the sale, so that views can subtract it.
	OrderCancelled struct {
		Sale
		Reason string `json:"reason"`
	}
)

// Commands of an order. Struct tags are their validation over HTTP and the bus, and their documentation in OpenAPI.
type (
	// Place places an order.
	Place struct {
		Sale
		OrderedAt  string     `json:"ordered_at" format:"date" example:"1996-07-04" doc:"The day on which the customer ordered."`
		RequiredAt string     `json:"required_at" format:"date" example:"1996-08-01" doc:"The day by which the customer needs the goods."`
		Freight    Money      `json:"freight" format:"amount" example:"32.38" doc:"What the transport costs. It is not part of the net total."`
		Fulfilment Fulfilment `json:"fulfilment,omitempty" enum:"managed" doc:"managed: a process reserves the goods, takes the payment and confirms it."`
	}

	// Ship records that an order has left the warehouse.
	Ship struct {
		ShippedAt string `json:"shipped_at" format:"date" example:"1996-07-16" doc:"The day on which the goods left the warehouse."`
		Carrier   string `json:"carrier" minLength:"1" maxLength:"200" format:"text" example:"Federal Shipping" doc:"Who transports the goods."`
	}

	// Cancel cancels an order before it is shipped; a managed one, before it is confirmed.
	Cancel struct {
		Reason string `json:"reason" minLength:"1" maxLength:"200" format:"text" example:"The customer has changed their mind." doc:"Why the order is cancelled."`
	}

	// Confirm confirms a managed order: its goods are reserved and paid. The process sends it.
	Confirm struct{}

	// FailFulfilment fails a managed order that can't be fulfilled. The process sends it.
	FailFulfilment struct {
		Reason string `json:"reason" minLength:"1" maxLength:"200" format:"text" example:"reserve: out-of-stock" doc:"Why: the step and the code of the rejection."`
	}
)

// Order is the state of an order. Its zero value is an order that was not placed.
type Order struct {
	Sale
	Status     Status     `json:"status"`
	Fulfilment Fulfilment `json:"fulfilment,omitempty"`
}

// Fulfilment is the way in which an order is prepared for shipping.
type Fulfilment string

// The ways of fulfilment.
const (
	Unmanaged Fulfilment = ""        // the sender of "ship" has checked stock and payment
	Managed   Fulfilment = "managed" // by the process "fulfilment", see fulfilment.go
)

// Status is the status of an order.
type Status string

// The status of an order.
const (
	NotPlaced Status = ""
	Placed    Status = "placed"
	Confirmed Status = "confirmed" // only of a managed order, like the next one
	Failed    Status = "failed"
	Shipped   Status = "shipped"
	Cancelled Status = "cancelled"
)

// OrderDecider decides orders. Their streams are order-10248, order-10249, …
var OrderDecider = es.Decider[Order]{
	Category: "order",
	Decide: es.Commands[Order]{
		es.Handle("place", Order.place).Doc("Place an order"),
		es.Handle("ship", Order.ship).Doc("Ship an order"),
		es.Handle("cancel", Order.cancel).Doc("Cancel an order that is not shipped"),
		es.Handle("confirm", Order.confirm).Internal(),
		es.Handle("fail-fulfilment", Order.failFulfilment).Internal(),
	},
	Evolve: es.Events[Order]{
		es.Apply("OrderPlaced", Order.placed),
		es.Apply("OrderShipped", Order.shipped),
		es.Apply("OrderCancelled", Order.cancelled),
		es.Apply("OrderConfirmed", Order.confirmed),
		es.Apply("OrderFulfilmentFailed", Order.fulfilmentFailed),
	},
}

// Decide functions.

func (o Order) place(c Place) ([]es.Event, error) {
	switch {
	case o.Status == Cancelled, o.Status == Failed:
		return o.notOpen()
	case o.Status != NotPlaced:
		return es.Reject("order-already-placed", "the order has been placed before; a new order needs a new id")
	case len(c.Lines) == 0:
		return es.Reject("order-empty", "an order has at least one line")
	}
	return es.Accept(OrderPlaced(c))
}

func (o Order) ship(c Ship) ([]es.Event, error) {
	switch {
	case o.Status == Placed && o.Fulfilment == Managed:
		return es.Reject("order-not-confirmed", "the goods of the order are not reserved and paid yet")
	case o.Status != Placed && o.Status != Confirmed:
		return o.notOpen()
	}
	return es.Accept(OrderShipped(c))
}

func (o Order) cancel(c Cancel) ([]es.Event, error) {
	switch o.Status {
	case Placed:
		return es.Accept(OrderCancelled{Sale: o.Sale, Reason: c.Reason})
	case Confirmed:
		return es.Reject("order-confirmed", "the goods of the order are paid and leave the warehouse")
	}
	return o.notOpen()
}

func (o Order) confirm(Confirm) ([]es.Event, error) {
	switch {
	case o.Status == Confirmed:
		return es.Accept()
	case o.Status != Placed:
		return o.notOpen()
	case o.Fulfilment != Managed:
		return o.notManaged()
	}
	return es.Accept(OrderConfirmed{})
}

// failFulfilment also fails a confirmed order that is not shipped. It changes nothing where the customer has cancelled the
// order.
func (o Order) failFulfilment(c FailFulfilment) ([]es.Event, error) {
	switch {
	case o.Status == Failed, o.Status == Cancelled:
		return es.Accept()
	case o.Status != Placed && o.Status != Confirmed:
		return o.notOpen()
	case o.Fulfilment != Managed:
		return o.notManaged()
	}
	return es.Accept(OrderFulfilmentFailed{Sale: o.Sale, Reason: c.Reason})
}

// notOpen rejects a command that only an order before shipment accepts.
func (o Order) notOpen() ([]es.Event, error) {
	switch o.Status {
	case Shipped:
		return es.Reject("order-already-shipped", "the order has been shipped")
	case Cancelled:
		return es.Reject("order-cancelled", "the order has been cancelled")
	case Failed:
		return es.Reject("order-failed", "the order could not be fulfilled")
	default:
		return es.Reject("order-not-placed", "the order has not been placed")
	}
}

func (o Order) notManaged() ([]es.Event, error) {
	return es.Reject("order-not-managed", "the order was placed without managed fulfilment")
}

// Evolve functions.

func (o Order) placed(e OrderPlaced) Order {
	return Order{Sale: e.Sale, Status: Placed, Fulfilment: e.Fulfilment}
}

func (o Order) shipped(OrderShipped) Order {
	o.Status = Shipped
	return o
}

func (o Order) cancelled(OrderCancelled) Order {
	o.Status = Cancelled
	return o
}

func (o Order) confirmed(OrderConfirmed) Order {
	o.Status = Confirmed
	return o
}

func (o Order) fulfilmentFailed(OrderFulfilmentFailed) Order {
	o.Status = Failed
	return o
}
