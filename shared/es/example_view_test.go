package es_test

import (
	"fmt"

	"orchestrix/shared/es"
)

type Loans struct {
	Reader string `json:"reader"`
	Times  int    `json:"times"`
}

// A view folds events into documents. [On] takes the document of the event's stream.
func ExampleView() {
	view := es.View[Loans]{
		Name: "loans", Version: 1, Doc: "Each book's loans, by book id.",
		Fields: es.Fields{{Name: "reader", Kind: es.Text}},
		On:     es.Folds[Loans]{es.On(func(l *Loans, e BookLent) { l.Reader, l.Times = e.Reader, l.Times+1 })},
	}
	books := es.Decider[Book]{Category: "book", Evolve: es.Events[Book]{es.Apply("BookLent", Book.lent)}}
	_, err := es.NewRegistry(es.Module{Name: "library", Deciders: []es.DeciderDef{books}, Views: []es.ViewDef{view}})
	fmt.Println(err)
	// Output: <nil>
}
