package es_test

import (
	"fmt"

	"orchestrix/shared/es"
)

type (
	Book     struct{ Reader string }
	Lend     struct{ Reader string }
	BookLent struct{ Reader string }
)

func (b Book) lend(c Lend) ([]es.Event, error) {
	if b.Reader != "" {
		return es.Reject("book-lent", "%s has the book", b.Reader)
	}
	return es.Accept(BookLent(c))
}

func (b Book) lent(e BookLent) Book { return Book(e) }

// An aggregate is a state, what commands decide, and how events change the state.
func ExampleDecider() {
	decider := es.Decider[Book]{
		Category: "book",
		Decide:   es.Commands[Book]{es.Handle("lend", Book.lend).Doc("Lend the book")},
		Evolve:   es.Events[Book]{es.Apply("BookLent", Book.lent)},
	}
	_, err := es.NewRegistry(es.Module{Name: "library", Deciders: []es.DeciderDef{decider}})
	fmt.Println(err)
	_, err = Book{}.lent(BookLent{"Ada"}).lend(Lend{"Bob"})
	fmt.Println(err)
	// Output:
	// <nil>
	// book-lent: Ada has the book
}
