package ordering

import "github.com/quagmt/udecimal"

// Sale is the customer and the lines of an order: the common part of its command, events and state.
type Sale struct {
	CustomerID   string `json:"customer_id" format:"token" example:"VINET" doc:"The customer's id."`
	CustomerName string `json:"customer_name" minLength:"1" maxLength:"200" format:"text" example:"Vins et alcools Chevalier" doc:"The customer's name as of this order."`
	Country      string `json:"country" minLength:"1" maxLength:"60" format:"text" example:"France" doc:"The country that the goods go to."`
	Lines        []Line `json:"lines" nullable:"false" maxItems:"500" doc:"What is ordered. An order without lines is rejected as order-empty."`
}

// Line is one line of an order.
type Line struct {
	ProductID string           `json:"product_id" format:"token" example:"11" doc:"The product's id."`
	Product   string           `json:"product" minLength:"1" maxLength:"200" format:"text" example:"Queso Cabrales" doc:"The product's name as of this order."`
	UnitPrice Money            `json:"unit_price" format:"amount" example:"14.00" doc:"The price of one unit before discount."`
	Quantity  int              `json:"quantity" minimum:"1" maximum:"1000000" example:"12" doc:"How many units are ordered."`
	Discount  udecimal.Decimal `json:"discount" format:"fraction" example:"0.15" doc:"The part of the price taken off: 0.15 is 15 percent."`
}

// Net is what the line costs after discount, rounded half away from zero to four decimals. Each line is
// rounded separately, so that orders, countries, customers and products all add up to one total.
func (l Line) Net() Money {
	kept := udecimal.One.Sub(l.Discount)
	return Money{l.UnitPrice.Times(l.Quantity).Mul(kept).RoundHAZ(4)}
}

// NetTotal is what all lines cost after discount.
func (s Sale) NetTotal() Money {
	var total Money
	for _, line := range s.Lines {
		total = total.Add(line.Net())
	}
	return total
}

// The keys of the views that count sales.

func (s Sale) country() string  { return s.Country }
func (s Sale) customer() string { return s.CustomerID }
func (s Sale) products() []string {
	ids := make([]string, len(s.Lines))
	for i, line := range s.Lines {
		ids[i] = line.ProductID
	}
	return ids
}
