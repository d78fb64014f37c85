package ordering

import (
	"context"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// TopCustomersParams are the parameters of the query top-customers.
type TopCustomersParams struct {
	Limit int `json:"limit" minimum:"1" maximum:"100" default:"10" doc:"How many customers to return at most."`
}

// TopCustomers is the answer of the query top-customers.
type TopCustomers struct {
	Items []CustomerSales `json:"items" doc:"The customers, the largest net total first."`
}

// TopCustomersQuery is the query top-customers.
var TopCustomersQuery = es.Query[TopCustomersParams, TopCustomers]{
	Name: "top-customers",
	Doc:  "The customers who have bought the most",
	Run: func(ctx context.Context, views es.Views, p TopCustomersParams) (TopCustomers, error) {
		items, err := es.List[CustomerSales](ctx, views, SalesByCustomer.Name, es.ListQuery{Sort: "net_total", Desc: true, Limit: p.Limit})
		return TopCustomers{Items: items}, err
	},
}
