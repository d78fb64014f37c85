package es_test

import (
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// Book is the state of the aggregate, Lend its command, BookLent its event.
type (
	Book     struct{ Reader string }
	Lend     struct{ Reader string }
	BookLent struct{ Reader string }
)

// lend decides: it accepts the command with an event, or rejects it with a code.
func (b Book) lend(c Lend) ([]es.Event, error) {
	if b.Reader != "" {
		return es.Reject("book-lent", "%s has the book", b.Reader)
	}
	return es.Accept(BookLent(c))
}

// lent evolves: it returns the state after the event.
func (b Book) lent(e BookLent) Book { return Book(e) }

var BookDecider = es.Decider[Book]{
	Category: "book",
	Decide:   es.Commands[Book]{es.Handle("lend", Book.lend).Doc("Lend the book to a reader")},
	Evolve:   es.Events[Book]{es.Apply("BookLent", Book.lent)},
}

// An aggregate has a state, a decide function for each command, and an evolve function for each event. The functions are
// pure, so they can be called without the platform; a test of an aggregate is shorter with estest.Given.
func ExampleDecider() {
	err := es.Check(es.Module{Name: "library", Deciders: []es.DeciderDef{BookDecider}})
	fmt.Println("registered:", err)

	var book Book
	events, err := book.lend(Lend{Reader: "Ada"})
	fmt.Printf("%+v %v\n", events, err)
	for _, event := range events {
		book = book.lent(event.(BookLent))
	}
	fmt.Printf("state: %+v\n", book)

	_, err = book.lend(Lend{Reader: "Bob"})
	fmt.Println(err)
	// Output:
	// registered: <nil>
	// [{Reader:Ada}] <nil>
	// state: {Reader:Ada}
	// book-lent: Ada has the book
}
