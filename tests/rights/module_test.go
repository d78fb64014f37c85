package rights

import (
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/processes"
)

// A purse holds money. Only the process pays it out.
type (
	purse   struct{ Total int }
	put     struct{ N int }
	payOut  struct{ N int }
	changed struct{ N int }
	waiting struct{ N int }
)

var modules = []es.Module{{
	Name: "purses",
	Deciders: []es.DeciderDef{es.Decider[purse]{
		Category: "purse",
		Decide: es.Commands[purse]{
			es.Handle("put", func(_ purse, c put) ([]core.Event, error) { return es.Accept(changed(c)) }),
			es.Handle("pay-out", func(_ purse, c payOut) ([]core.Event, error) { return es.Accept(changed{-c.N}) }).Internal(),
		},
		Evolve: es.Events[purse]{es.Apply("Changed", func(s purse, e changed) purse { return purse{s.Total + e.N} })},
	}},
	Processes: []es.ProcessDef{es.Process[waiting]{
		Name: "watch",
		On: es.Reactions[waiting]{
			es.Start(es.StreamID, func(s waiting, e changed, _ core.Meta) (waiting, []processes.Effect) { return waiting(e), nil }),
		},
	}},
}}
