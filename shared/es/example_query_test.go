package es_test

import (
	"context"
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// PopularParams are the query parameters of a request: /queries/popular?limit=2.
type PopularParams struct {
	Limit int `json:"limit" minimum:"1" maximum:"100" default:"10" doc:"How many books to return at most."`
}

var Popular = es.Query[PopularParams, []Loans]{
	Name: "popular",
	Doc:  "The books that are lent most often",
	Run: func(ctx context.Context, views es.Views, p PopularParams) ([]Loans, error) {
		return es.List[Loans](ctx, views, LoansView.Name, es.ListQuery{Sort: "times", Desc: true, Limit: p.Limit})
	},
}

// twoBooks is a read side for the example, with the documents of two books.
type twoBooks struct{ es.Views }

func (twoBooks) List(context.Context, string, es.ListQuery) (es.Page, error) {
	return es.Page{Items: []es.Document{
		{Key: "dune", Data: []byte(`{"reader":"Ada","times":7}`)},
		{Key: "emma", Data: []byte(`{"reader":"Bob","times":3}`)},
	}}, nil
}

// A query reads views with [Get] and [List]. Its parameters are a struct, whose tags validate the request.
func ExampleQuery() {
	err := es.Check(es.Module{
		Name: "library", Deciders: []es.DeciderDef{BookDecider}, Views: []es.ViewDef{LoansView}, Queries: []es.QueryDef{Popular},
	})
	fmt.Println("registered:", err)

	loans, err := Popular.Run(context.Background(), twoBooks{}, PopularParams{Limit: 2})
	fmt.Printf("%+v %v\n", loans, err)
	// Output:
	// registered: <nil>
	// [{Reader:Ada Times:7} {Reader:Bob Times:3}] <nil>
}
