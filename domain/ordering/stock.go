package ordering

import (
	"maps"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// Events of the stock of a product.
type (
	// StockReceived records that goods have arrived in the warehouse.
	StockReceived struct {
		Quantity int `json:"quantity"`
	}

	// StockReserved records that goods are reserved for an order.
	StockReserved struct {
		Order    string `json:"order"`
		Quantity int    `json:"quantity"`
	}

	// StockReleased means that the reservation of an order has ended.
	StockReleased struct {
		Order    string `json:"order"`
		Quantity int    `json:"quantity"`
	}

	// StockIssued means that the goods of a reservation have left the warehouse.
	StockIssued struct {
		Order    string `json:"order"`
		Quantity int    `json:"quantity"`
	}
)

// Commands of the stock of a product.
type (
	// Receive puts goods into stock.
	Receive struct {
		Quantity int `json:"quantity" minimum:"1" maximum:"1000000000" example:"100" doc:"How many units have come in."`
	}

	// Reserve reserves goods for an order.
	Reserve struct {
		Order    string `json:"order" format:"token" example:"10248" doc:"The order that they are for."`
		Quantity int    `json:"quantity" minimum:"1" maximum:"1000000000" example:"12" doc:"How many units."`
	}

	// Release ends the reservation of an order.
	Release struct {
		Order string `json:"order" format:"token" example:"10248" doc:"The order that it was for."`
	}

	// Issue takes the goods of a reservation out of stock.
	Issue struct {
		Order string `json:"order" format:"token" example:"10248" doc:"The order that it was for."`
	}
)

// Stock is the state: the units of a product, and their reservations.
type Stock struct {
	OnHand   int            `json:"on_hand"`
	Reserved map[string]int `json:"reserved,omitempty"` // by order
}

// Limits of a product's stock.
const (
	// MaxReservations is the maximum number of orders with a reservation.
	MaxReservations = 1000
	// MaxOnHand is the maximum number of units.
	MaxOnHand = 1_000_000_000_000
)

// StockDecider decides the stock of products, by the product's id. Their streams are stock-11, stock-42, …
var StockDecider = es.Decider[Stock]{
	Category: "stock",
	Decide: es.Commands[Stock]{
		es.Handle("receive", Stock.receive).Doc("Receive goods into stock"),
		es.Handle("reserve", Stock.reserve).Internal(),
		es.Handle("release", Stock.release).Internal(),
		es.Handle("issue", Stock.issue).Internal(),
	},
	Evolve: es.Events[Stock]{
		es.Apply("StockReceived", Stock.received),
		es.Apply("StockReserved", Stock.reserved),
		es.Apply("StockReleased", Stock.released),
		es.Apply("StockIssued", Stock.issued),
	},
}

// Decide functions.

func (s Stock) receive(c Receive) ([]es.Event, error) {
	if c.Quantity > MaxOnHand-s.OnHand {
		return es.Reject("stock-full", "there are %d units, and room for %d more", s.OnHand, MaxOnHand-s.OnHand)
	}
	return es.Accept(StockReceived(c))
}

func (s Stock) reserve(c Reserve) ([]es.Event, error) {
	_, kept := s.Reserved[c.Order]
	free := s.free()
	switch {
	case kept:
		return es.Accept()
	case free < c.Quantity:
		return es.Reject("out-of-stock", "%d units are left", free)
	case len(s.Reserved) >= MaxReservations:
		return es.Reject("too-many-reservations", "units are kept for %d orders: try again later", len(s.Reserved))
	}
	return es.Accept(StockReserved(c))
}

func (s Stock) release(c Release) ([]es.Event, error) {
	quantity, kept := s.Reserved[c.Order]
	if !kept {
		return es.Accept()
	}
	return es.Accept(StockReleased{Order: c.Order, Quantity: quantity})
}

func (s Stock) issue(c Issue) ([]es.Event, error) {
	quantity, kept := s.Reserved[c.Order]
	if !kept {
		return es.Reject("not-reserved", "nothing is kept for order %s", c.Order)
	}
	return es.Accept(StockIssued{Order: c.Order, Quantity: quantity})
}

// free returns the units that are not reserved.
func (s Stock) free() int {
	free := s.OnHand
	for _, quantity := range s.Reserved {
		free -= quantity
	}
	return free
}

// Evolve functions.

func (s Stock) received(e StockReceived) Stock {
	s.OnHand += e.Quantity
	return s
}

func (s Stock) reserved(e StockReserved) Stock {
	kept := make(map[string]int, len(s.Reserved)+1)
	maps.Copy(kept, s.Reserved)
	kept[e.Order] = e.Quantity
	s.Reserved = kept
	return s
}

func (s Stock) released(e StockReleased) Stock { return s.without(e.Order) }

func (s Stock) issued(e StockIssued) Stock {
	s.OnHand -= e.Quantity
	return s.without(e.Order)
}

func (s Stock) without(order string) Stock {
	s.Reserved = maps.Clone(s.Reserved)
	delete(s.Reserved, order)
	return s
}
