package ordering

import "github.com/orchestrix-go/orchestrix/shared/es"

// ProductSales sums up the orders of one product. Orders that are cancelled or can't be fulfilled are subtracted; without any
// left, the sums are zero.
type ProductSales struct {
	ProductID string `json:"product_id" doc:"The product's id."`
	Product   string `json:"product" doc:"The product's name as of one of its orders."`
	Orders    int    `json:"orders" doc:"How many orders ask for the product; one with several lines of it counts once."`
	Units     int    `json:"units" doc:"How many units were sold."`
	NetTotal  Money  `json:"net_total" doc:"What they cost after discount, with four decimals."`
}

// SalesByProduct is the view product-sales, by product id.
var SalesByProduct = es.View[ProductSales]{
	Name:    "product-sales",
	Version: 1,
	Doc:     "What was sold of each product, by product id.",
	Fields: es.Fields{
		{Name: "product", Kind: es.Text},
		{Name: "orders", Kind: es.Number},
		{Name: "units", Kind: es.Number},
		{Name: "net_total", Kind: es.Number},
	},
	On: es.Folds[ProductSales]{
		es.OnKeysWith(OrderPlaced.products, (*ProductSales).placed),
		es.OnKeysWith(OrderCancelled.products, (*ProductSales).cancelled),
		es.OnKeysWith(OrderFulfilmentFailed.products, (*ProductSales).failed),
	},
}

func (p *ProductSales) placed(e OrderPlaced, m es.Meta) error {
	p.count(e.Sale, m.Key, +1)
	return nil
}

func (p *ProductSales) cancelled(e OrderCancelled, m es.Meta) error {
	p.count(e.Sale, m.Key, -1)
	return nil
}

func (p *ProductSales) failed(e OrderFulfilmentFailed, m es.Meta) error {
	p.count(e.Sale, m.Key, -1)
	return nil
}

// count adds the sale's lines of the product, or subtracts them where orders is -1.
func (p *ProductSales) count(sale Sale, productID string, orders int) {
	p.Orders += orders
	for _, line := range sale.Lines {
		if line.ProductID == productID {
			p.ProductID, p.Product = line.ProductID, line.Product
			p.Units += orders * line.Quantity
			p.NetTotal = p.NetTotal.Add(line.Net().Times(orders))
		}
	}
}
