package library

import (
	"strings" // by hand

	"github.com/orchestrix-go/orchestrix/shared/es"
)

type (
	// Book is the state.
	Book struct {
		Reader string `json:"reader"`
		Lost   bool   `json:"lost"`
	}

	// Lend lends the book.
	Lend struct {
		Reader string `json:"reader" format:"token" example:"ada"`
		Days   int    `json:"days,omitempty" minimum:"0"`
	}

	// BookLent means that a reader has the book.
	BookLent struct {
		Reader string `json:"reader"`
	}
)

// Return takes the book back.
type Return struct{}

// BookReturned means that the book is on its shelf.
type BookReturned struct{} // since the beginning

// BookDecider decides books.
var BookDecider = es.Decider[Book]{
	Category: "book", // a token
	Decide:   es.Commands[Book]{es.Handle("lend", Book.lend).Doc("Lend the book"), es.Handle("return", func(b Book, c Return) ([]es.Event, error) { return b.takeBack(c) })},
	Evolve:   es.Events[Book]{es.Apply("BookLent", Book.lent), es.Apply("BookReturned", Book.returned)},
}

func (it Book) lend(c Lend) ([]es.Event, error) {
	if it.Reader != "" {
		return es.Reject("book-lent", "%s has the book", strings.ToUpper(it.Reader))
	}
	return es.Accept(BookLent{Reader: c.Reader})
}

func (it Book) takeBack(Return) ([]es.Event, error) { return es.Accept(BookReturned{}) }

// lent is called for each event.
func (it Book) lent(e BookLent) Book { return Book{Reader: e.Reader} } // keeps nothing

func (it Book) returned(BookReturned) Book { return Book{} }

// lose is a helper with the name of a command.
func (it Book) lose() Book { return Book{Lost: true} }
