package ordering

import "github.com/orchestrix-go/orchestrix/shared/es"

// OrderSummary is one order at a glance.
type OrderSummary struct {
	CustomerID   string `json:"customer_id" doc:"The customer's id."`
	CustomerName string `json:"customer_name" doc:"The customer's name as of this order."`
	Country      string `json:"country" doc:"The country that the goods go to."`
	Status       Status `json:"status" enum:"placed,confirmed,failed,shipped,cancelled" doc:"How far the order has come."`
	LineCount    int    `json:"line_count" doc:"How many lines the order has."`
	NetTotal     Money  `json:"net_total" doc:"What all lines cost after discount, with four decimals; freight is not part of it."`
	Freight      Money  `json:"freight" doc:"What the transport costs."`
	OrderedAt    string `json:"ordered_at" format:"date" doc:"The day on which the customer ordered."`
	RequiredAt   string `json:"required_at" format:"date" doc:"The day by which the customer needs the goods."`
	ShippedAt    string `json:"shipped_at,omitempty" format:"date" doc:"The day on which the goods left the warehouse."`
	Carrier      string `json:"carrier,omitempty" doc:"Who transports the goods."`
	CancelReason string `json:"cancel_reason,omitempty" doc:"Why the order was cancelled."`
	FailReason   string `json:"fail_reason,omitempty" doc:"Why it could not be fulfilled: step and code, as in reserve: out-of-stock."`
}

// OrderSummaries is the view order-summary, by order id.
var OrderSummaries = es.View[OrderSummary]{
	Name:    "order-summary",
	Version: 1,
	Doc:     "Each order at a glance, by order id.",
	Fields: es.Fields{
		{Name: "customer_id", Kind: es.Text},
		{Name: "country", Kind: es.Text},
		{Name: "status", Kind: es.Text},
		{Name: "net_total", Kind: es.Number},
		{Name: "ordered_at", Kind: es.Text},
	},
	On: es.Folds[OrderSummary]{
		es.On((*OrderSummary).placed),
		es.On((*OrderSummary).shipped),
		es.On((*OrderSummary).cancelled),
		es.On((*OrderSummary).confirmed),
		es.On((*OrderSummary).failed),
	},
}

func (s *OrderSummary) placed(e OrderPlaced) {
	*s = OrderSummary{
		CustomerID: e.CustomerID, CustomerName: e.CustomerName, Country: e.Country,
		Status: Placed, LineCount: len(e.Lines), NetTotal: e.NetTotal(), Freight: e.Freight,
		OrderedAt: e.OrderedAt, RequiredAt: e.RequiredAt,
	}
}

func (s *OrderSummary) shipped(e OrderShipped) {
	s.Status, s.ShippedAt, s.Carrier = Shipped, e.ShippedAt, e.Carrier
}

func (s *OrderSummary) cancelled(e OrderCancelled) { s.Status, s.CancelReason = Cancelled, e.Reason }

func (s *OrderSummary) confirmed(OrderConfirmed) { s.Status = Confirmed }

func (s *OrderSummary) failed(e OrderFulfilmentFailed) { s.Status, s.FailReason = Failed, e.Reason }
