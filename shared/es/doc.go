// Package es is for authors of bounded contexts: it defines aggregates, views, queries and processes as values. Events,
// commands, states and documents are plain structs.
//
// # Model an aggregate
//
// A [Decider] has a state, a command handler for each command and an evolve function for each event:
//
//	var BookDecider = es.Decider[Book]{
//		Category: "book",
//		Decide:   es.Commands[Book]{es.Handle("lend", Book.lend).Doc("Lend the book to a reader")},
//		Evolve:   es.Events[Book]{es.Apply("BookLent", Book.lent)},
//	}
//
// The handler looks at the state and returns events ([Accept]) or a rejection with a code ([Reject]):
//
//	func (b Book) lend(c Lend) ([]es.Event, error) {
//		if b.Reader != "" {
//			return es.Reject("book-lent", "%s has the book", b.Reader)
//		}
//		return es.Accept(BookLent{Reader: c.Reader})
//	}
//
//	func (b Book) lent(e BookLent) Book { return Book{Reader: e.Reader} }
//
// Recorded events are never rewritten. An event that changes its payload gets an upcast ([From]), and one that changes its
// name gets [Formerly].
//
// # Fold a view
//
// A [View] has a plain function for each event, which changes a document ([On], [OnKey], [OnKeys]). The long forms
// ([OnWith], [OnKeyWith], [OnKeysWith]) also get the event's [Meta], and may return an error or [Delete].
//
// # Answer a query
//
// Each view can be read by key and listed by its [Fields]. A [Query] combines documents with [Get] and [List].
//
// # Connect aggregates
//
// A [Process] reacts to events, to the results of its commands and to deadlines. Its effects are [Send], [After],
// [Complete] and others. A [Saga] is a process of steps that are undone where a later step fails.
//
// # Offer a module
//
// A [Module] lists the definitions of a bounded context, and [Check] checks them in a test. A service checks them at its start, so
// that it does not fail at a request.
//
// # Test
//
// Package estest tests each definition without a store: estest.Given for aggregates, estest.Project for views and
// estest.GivenProcess for processes and sagas.
//
// # Rules
//
// Decide, evolve, fold and reaction functions are pure: no clock, no I/O, no random numbers. The platform calls them again
// after a conflict, a retry or a restart, and expects the same result.
package es
