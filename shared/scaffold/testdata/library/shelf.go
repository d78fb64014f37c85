package library

import "github.com/orchestrix-go/orchestrix/shared/es"

// shelfDecider decides shelves of a size.
func shelfDecider(size int) es.Decider[int] {
	return es.Decider[int]{
		Category: "shelf",
		Decide: es.Commands[int]{
			es.Handle("fill", func(books int, _ Fill) ([]es.Event, error) {
				if books == size {
					return es.Reject("shelf-full", "%d books are on it", books)
				}
				return es.Accept(ShelfFilled{})
			}).Doc("Put a book on the shelf"),
		},
		Evolve: es.Events[int]{es.Apply("ShelfFilled", func(books int, _ ShelfFilled) int { return books + 1 })},
	}
}

type (
	// Fill puts a book on the shelf.
	Fill struct{}
	// ShelfFilled means that a book is on the shelf.
	ShelfFilled struct{}
)
