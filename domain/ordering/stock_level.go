package ordering

import "github.com/orchestrix-go/orchestrix/shared/es"

// StockLevel is how much of a product there is.
type StockLevel struct {
	OnHand   int `json:"on_hand" doc:"How many units are in the warehouse."`
	Reserved int `json:"reserved" doc:"How many of them are reserved for orders."`
	Free     int `json:"free" doc:"How many of them are not reserved."`
}

// StockLevels is the view stock-level, by product id.
var StockLevels = es.View[StockLevel]{
	Name:    "stock-level",
	Version: 1,
	Doc:     "How much of each product there is, by product id.",
	Fields: es.Fields{
		{Name: "on_hand", Kind: es.Number},
		{Name: "reserved", Kind: es.Number},
		{Name: "free", Kind: es.Number},
	},
	On: es.Folds[StockLevel]{
		es.On(func(l *StockLevel, e StockReceived) { l.change(e.Quantity, 0) }),
		es.On(func(l *StockLevel, e StockReserved) { l.change(0, e.Quantity) }),
		es.On(func(l *StockLevel, e StockReleased) { l.change(0, -e.Quantity) }),
		es.On(func(l *StockLevel, e StockIssued) { l.change(-e.Quantity, -e.Quantity) }),
	},
}

func (l *StockLevel) change(onHand, reserved int) {
	l.OnHand += onHand
	l.Reserved += reserved
	l.Free = l.OnHand - l.Reserved
}
