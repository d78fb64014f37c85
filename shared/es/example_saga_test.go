package es_test

import (
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// A room is booked for a reading; the booking can be cancelled.
type (
	Room         struct{ Reading string }
	BookRoom     struct{ Reading string }
	FreeRoom     struct{}
	RoomBooked   struct{ Reading string }
	RoomFreed    struct{}
	Reading      struct{ ID, Room, Book string }
	ReadingAsked struct{ Room, Book string }
	AskReading   struct{ Room, Book string }
)

func (r Room) book(c BookRoom) ([]es.Event, error) { return es.Accept(RoomBooked(c)) }
func (r Room) free(FreeRoom) ([]es.Event, error)   { return es.Accept(RoomFreed{}) }
func (r Room) booked(e RoomBooked) Room            { return Room(e) }
func (r Room) freed(RoomFreed) Room                { return Room{} }

func (r Reading) ask(c AskReading) ([]es.Event, error) { return es.Accept(ReadingAsked(c)) }
func (r Reading) asked(e ReadingAsked) Reading         { return Reading{Room: e.Room, Book: e.Book} }

// newReading returns the data of an instance, from the event that begins it.
func newReading(e ReadingAsked, m es.Meta) Reading {
	return Reading{ID: m.Stream.ID, Room: e.Room, Book: e.Book}
}

// bookRoom is a step. Where a later step fails, the room is freed again.
func (r Reading) bookRoom() []es.SagaAction {
	return []es.SagaAction{es.Do(es.Send(r.Room, BookRoom{Reading: r.ID})).UndoneBy(es.Send(r.Room, FreeRoom{}))}
}

func (r Reading) lendBook() []es.SagaAction {
	return []es.SagaAction{es.Do(es.Send(r.Book, Lend{Reader: r.ID}))}
}

var Readings = es.Saga[Reading]{
	Name:  "readings",
	Start: es.StartSaga(es.StreamID, newReading),
	Steps: []es.SagaStep[Reading]{
		{Name: "room", Do: Reading.bookRoom, Timeout: time.Minute},
		{Name: "book", Do: Reading.lendBook, Timeout: time.Minute},
	},
}

// A saga is a process of steps. Where a step is rejected or times out, the steps before it are undone in reverse order.
func ExampleSaga() {
	err := es.Check(es.Module{
		Name: "library",
		Deciders: []es.DeciderDef{
			BookDecider,
			es.Decider[Room]{
				Category: "room",
				Decide:   es.Commands[Room]{es.Handle("book", Room.book).Internal(), es.Handle("free", Room.free).Internal()},
				Evolve:   es.Events[Room]{es.Apply("RoomBooked", Room.booked), es.Apply("RoomFreed", Room.freed)},
			},
			es.Decider[Reading]{
				Category: "reading",
				Decide:   es.Commands[Reading]{es.Handle("ask", Reading.ask)},
				Evolve:   es.Events[Reading]{es.Apply("ReadingAsked", Reading.asked)},
			},
		},
		Processes: []es.ProcessDef{Readings},
	})
	fmt.Println("registered:", err)

	reading := newReading(ReadingAsked{Room: "blue", Book: "dune"}, es.Meta{Stream: es.Stream{ID: "r-1"}})
	for _, step := range Readings.Steps {
		for _, action := range step.Do(reading) {
			fmt.Printf("%s: do %T %+v, undo %T\n", step.Name, action.Do.Command, action.Do.Command, action.Undo.Command)
		}
	}
	// Output:
	// registered: <nil>
	// room: do es_test.BookRoom {Reading:r-1}, undo es_test.FreeRoom
	// book: do es_test.Lend {Reader:r-1}, undo <nil>
}
