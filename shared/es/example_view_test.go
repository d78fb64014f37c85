package es_test

import (
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// Loans is a document of the view, by book id.
type Loans struct {
	Reader string `json:"reader" doc:"Who has the book."`
	Times  int    `json:"times" doc:"How often the book was lent."`
}

func (l *Loans) lent(e BookLent) { l.Reader, l.Times = e.Reader, l.Times+1 }

var LoansView = es.View[Loans]{
	Name: "loans", Version: 1, Doc: "The loans of each book, by book id.",
	Fields: es.Fields{{Name: "reader", Kind: es.Text}, {Name: "times", Kind: es.Number}},
	On:     es.Folds[Loans]{es.On((*Loans).lent)},
}

// A view folds events into documents. [On] changes the document of the event's stream; its fields can be listed by.
func ExampleView() {
	err := es.Check(es.Module{
		Name: "library", Deciders: []es.DeciderDef{BookDecider}, Views: []es.ViewDef{LoansView},
	})
	fmt.Println("registered:", err)

	var loans Loans
	for _, event := range []BookLent{{Reader: "Ada"}, {Reader: "Bob"}} {
		loans.lent(event)
	}
	fmt.Printf("%+v\n", loans)
	// Output:
	// registered: <nil>
	// {Reader:Bob Times:2}
}
