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

		Fulfilment Fulfilment `json:"fulfilment,omitempty"`
	}

	// OrderShipped says that the order has left the warehouse.
	OrderShipped struct {
		ShippedAt string `json:"shipped_at"`
		Carrier   string `json:"carrier"`
	}

	// OrderConfirmed says that the goods of a managed order are reserved and paid.
	OrderConfirmed struct{}

	// OrderFulfilmentFailed says that a managed order can't be fulfilled: nothing of it is reserved or paid any more. It
	// repeats the sale, as OrderCancelled does.
	OrderFulfilmentFailed struct {
		Sale
		Reason string `json:"reason"`
	}

	// OrderCancelled says that the order will not be shipped. It repeats the sale, so that a view that has
	// counted it can take it back.
	OrderCancelled struct {
		Sale
		Reason string `json:"reason"`
	}
)

// Commands: what may be asked of an order. The struct tags are their validation, over HTTP and over the bus, and their
// documentation in OpenAPI.
type (
	// Place orders goods.
	Place struct {
		Sale
		OrderedAt  string     `json:"ordered_at" format:"date" example:"1996-07-04" doc:"The day on which the customer ordered."`
		RequiredAt string     `json:"required_at" format:"date" example:"1996-08-01" doc:"The day by which the customer needs the goods."`
		Freight    Money      `json:"freight" format:"amount" example:"32.38" doc:"What the transport costs. It is not part of the net total."`
		Fulfilment Fulfilment `json:"fulfilment,omitempty" enum:"managed" doc:"managed: a process reserves the goods, takes the payment and confirms it."`
	}

	// Ship sends an order on its way.
	Ship struct {
		ShippedAt string `json:"shipped_at" format:"date" example:"1996-07-16" doc:"The day on which the goods left the warehouse."`
		Carrier   string `json:"carrier" minLength:"1" maxLength:"200" format:"text" example:"Federal Shipping" doc:"Who transports the goods."`
	}

	// Cancel cancels an order before it is shipped; a managed one, before it is confirmed.
	Cancel struct {
		Reason string `json:"reason" minLength:"1" maxLength:"200" format:"text" example:"The customer has changed their mind." doc:"Why the order is cancelled."`
	}

	// Confirm says that the goods of a managed order are reserved and paid. The process sends it.
	Confirm struct{}

	// FailFulfilment says that a managed order can't be fulfilled. The process sends it.
	FailFulfilment struct {
		Reason string `json:"reason" minLength:"1" maxLength:"200" format:"text" example:"reserve: out-of-stock" doc:"Why: the step and the code of the rejection."`
	}
)

// Order is the state: what it takes to decide the next command. Its zero value is an order that was not placed.
type Order struct {
	Sale
	Status     Status     `json:"status"`
	Fulfilment Fulfilment `json:"fulfilment,omitempty"`
}

// Fulfilment is who sees to it that an order can be shipped.
type Fulfilment string

// The ways of fulfilment.
const (
	Unmanaged Fulfilment = ""        // whoever sends "ship" knows that it can
	Managed   Fulfilment = "managed" // the process fulfilment does: see fulfilment.go
)

// Status is how far an order has come.
type Status string

// The status of an order.
const (
	NotPlaced Status = ""
	Placed    Status = "placed"
	Confirmed Status = "confirmed" // of a managed order alone, as is the next one
	Failed    Status = "failed"
	Shipped   Status = "shipped"
	Cancelled Status = "cancelled"
)

// OrderDecider is the order: its streams are order-10248, order-10249, …
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

// Decide: what a command makes happen, or why not.

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

// failFulfilment also takes a confirmation back, as long as the order is not shipped. It changes nothing where the customer
// has cancelled the order meanwhile.
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

// notOpen is the answer to a command that only an order that waits for shipment takes.
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

// Evolve: how the state follows from the events.

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
