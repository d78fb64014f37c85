package main

import (
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
)

// A tally is an aggregate that takes any number of commands, which an order doesn't. Its events are about as large as
// those of real domains.

type (
	// Counted reports that n items were added.
	Counted struct {
		Amount int    `json:"amount"`
		By     string `json:"by"`
		Note   string `json:"note"`
	}
	// Count adds.
	Count struct {
		Amount int    `json:"amount" minimum:"1" maximum:"1000"`
		By     string `json:"by" minLength:"1" maxLength:"100"`
		Note   string `json:"note" maxLength:"500"`
	}
	// Tally is the sum.
	Tally struct {
		Sum   int    `json:"sum"`
		Times int    `json:"times"`
		Last  string `json:"last"`
	}
)

// countBody is the body of a command.
const countBody = `{"amount":3,"by":"the keeper of the tally","note":"as many as there were in the second row of the third shelf, boxes not counted"}`

var tallyDecider = es.Decider[Tally]{
	Category: "tally",
	Decide:   es.Commands[Tally]{es.Handle("count", func(_ Tally, c Count) ([]core.Event, error) { return es.Accept(Counted(c)) })},
	Evolve:   es.Events[Tally]{es.Apply("Counted", Tally.counted)},
}

func (t Tally) counted(e Counted) Tally {
	return Tally{Sum: t.Sum + e.Amount, Times: t.Times + 1, Last: e.By}
}

func tallyModule() es.Module {
	return es.Module{Name: "bench", Deciders: []es.DeciderDef{tallyDecider}}
}
