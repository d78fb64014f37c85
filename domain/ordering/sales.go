package ordering

import "github.com/orchestrix-go/orchestrix/shared/es"

// Sales sums up orders. Orders that are cancelled or can't be fulfilled are subtracted; without any left, the sums are zero.
type Sales struct {
	Orders   int   `json:"orders" doc:"How many orders were placed, and neither cancelled nor impossible to fulfil."`
	NetTotal Money `json:"net_total" doc:"What they cost after discount, with four decimals, without freight."`
}

// count adds a sale, or subtracts it where orders is -1.
func (s *Sales) count(sale Sale, orders int) {
	s.Orders += orders
	s.NetTotal = s.NetTotal.Add(sale.NetTotal().Times(orders))
}

// CountrySales is what was sold to one country.
type CountrySales struct {
	Country string `json:"country" doc:"The country that the goods go to."`
	Sales
}

// SalesByCountry is the view sales-by-country, by the country's name.
var SalesByCountry = es.View[CountrySales]{
	Name:    "sales-by-country",
	Version: 1,
	Doc:     "What was sold to each country, by its name.",
	Fields: es.Fields{
		{Name: "orders", Kind: es.Number},
		{Name: "net_total", Kind: es.Number},
	},
	On: es.Folds[CountrySales]{
		es.OnKey(OrderPlaced.country, (*CountrySales).placed),
		es.OnKey(OrderCancelled.country, (*CountrySales).cancelled),
		es.OnKey(OrderFulfilmentFailed.country, (*CountrySales).failed),
	},
}

func (c *CountrySales) placed(e OrderPlaced) {
	c.Country = e.Country
	c.count(e.Sale, +1)
}

func (c *CountrySales) cancelled(e OrderCancelled)     { c.count(e.Sale, -1) }
func (c *CountrySales) failed(e OrderFulfilmentFailed) { c.count(e.Sale, -1) }

// CustomerSales is what was sold to one customer.
type CustomerSales struct {
	CustomerID   string `json:"customer_id" doc:"The customer's id."`
	CustomerName string `json:"customer_name" doc:"The customer's name as of one of their orders."`
	Sales
}

// SalesByCustomer is the view sales-by-customer, by customer id.
var SalesByCustomer = es.View[CustomerSales]{
	Name:    "sales-by-customer",
	Version: 1,
	Doc:     "What was sold to each customer, by customer id.",
	Fields: es.Fields{
		{Name: "customer_name", Kind: es.Text},
		{Name: "orders", Kind: es.Number},
		{Name: "net_total", Kind: es.Number},
	},
	On: es.Folds[CustomerSales]{
		es.OnKey(OrderPlaced.customer, (*CustomerSales).placed),
		es.OnKey(OrderCancelled.customer, (*CustomerSales).cancelled),
		es.OnKey(OrderFulfilmentFailed.customer, (*CustomerSales).failed),
	},
}

func (c *CustomerSales) placed(e OrderPlaced) {
	c.CustomerID, c.CustomerName = e.CustomerID, e.CustomerName
	c.count(e.Sale, +1)
}

func (c *CustomerSales) cancelled(e OrderCancelled)     { c.count(e.Sale, -1) }
func (c *CustomerSales) failed(e OrderFulfilmentFailed) { c.count(e.Sale, -1) }
