package es_test

import (
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// Remind is a command to the readers' desk, an aggregate of its own.
type (
	Desk     struct{ Reminders int }
	Remind   struct{ Reader string }
	Reminded struct{ Reader string }
)

func (d Desk) remind(c Remind) ([]es.Event, error) { return es.Accept(Reminded(c)) }
func (d Desk) reminded(Reminded) Desk              { return Desk{Reminders: d.Reminders + 1} }

var DeskDecider = es.Decider[Desk]{
	Category: "desk",
	Decide:   es.Commands[Desk]{es.Handle("remind", Desk.remind).Internal()},
	Evolve:   es.Events[Desk]{es.Apply("Reminded", Desk.reminded)},
}

// Loan is the state of an instance: one for each lent book.
type Loan struct{ Reader string }

func (l Loan) lent(e BookLent, _ es.Meta) (Loan, []es.Effect) {
	return Loan(e), []es.Effect{es.After("overdue", 14*24*time.Hour)}
}

func (l Loan) overdue(es.Meta) (Loan, []es.Effect) {
	return l, []es.Effect{es.Send("main", Remind(l)), es.Complete()}
}

var Reminders = es.Process[Loan]{
	Name: "reminders",
	On: es.Reactions[Loan]{
		es.Start(es.StreamID, Loan.lent),
		es.OnDeadline("overdue", Loan.overdue),
	},
}

// A process reacts to events, results and deadlines with effects: it sends commands and sets deadlines. Its reactions are
// pure; estest.GivenProcess tests them as the platform calls them.
func ExampleProcess() {
	err := es.Check(es.Module{
		Name: "library", Deciders: []es.DeciderDef{BookDecider, DeskDecider}, Processes: []es.ProcessDef{Reminders},
	})
	fmt.Println("registered:", err)

	loan, effects := Loan{}.lent(BookLent{Reader: "Ada"}, es.Meta{})
	fmt.Printf("state: %+v, deadline %q after %v\n", loan, effects[0].Name, effects[0].After)

	_, effects = loan.overdue(es.Meta{})
	fmt.Printf("to desk %s: %+v\n", effects[0].To, effects[0].Command)
	// Output:
	// registered: <nil>
	// state: {Reader:Ada}, deadline "overdue" after 336h0m0s
	// to desk main: {Reader:Ada}
}
