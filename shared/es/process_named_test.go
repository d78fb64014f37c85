package es_test

import (
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

// A process of a third module thanks a buyer and writes again the next morning. It knows the other modules by the names on the wire.
type (
	sell   struct{ Buyer string }
	sold   struct{ Buyer string }
	write  struct{ Text string }
	wrote  struct{ Text string }
	thanks struct{ Buyer string }

	// What the process reads of the one module and sends to the other.
	aSale   struct{ Buyer string }
	aLetter struct{ Text string }
)

var (
	saleDecider = es.Decider[bool]{
		Category: "sale",
		Decide: es.Commands[bool]{es.Handle("sell", func(_ bool, c sell) ([]es.Event, error) {
			return es.Accept(sold(c))
		})},
		Evolve: es.Events[bool]{es.Apply("Sold", func(bool, sold) bool { return true })},
	}
	letterDecider = es.Decider[bool]{
		Category: "letter",
		Decide: es.Commands[bool]{es.Handle("write", func(_ bool, c write) ([]es.Event, error) {
			return es.Accept(wrote(c))
		})},
		Evolve: es.Events[bool]{es.Apply("Wrote", func(bool, wrote) bool { return true })},
	}
	thanksProcess = es.Process[thanks]{
		Name: "thanks",
		On: es.Reactions[thanks]{
			es.StartNamed("sales.Sold", es.StreamID, func(_ thanks, e aSale, m es.Meta) (thanks, []es.Effect) {
				return thanks(e), []es.Effect{
					es.SendNamed("letter", e.Buyer, "write", aLetter{Text: "thank you"}),
					es.Schedule("morning", nextMorning(m.Time)),
				}
			}),
			es.OnDeadline("morning", func(t thanks, _ es.Meta) (thanks, []es.Effect) {
				return t, []es.Effect{es.SendNamed("letter", t.Buyer, "write", aLetter{Text: "good morning"}), es.Complete()}
			}),
		},
	}
)

func nextMorning(now time.Time) time.Time {
	return now.Truncate(24 * time.Hour).Add(33 * time.Hour)
}

func TestAProcessKnowsOtherModulesByName(t *testing.T) {
	t.Parallel()
	p := estest.Platform(t,
		es.Module{Name: "sales", Deciders: []es.DeciderDef{saleDecider}},
		es.Module{Name: "mail", Deciders: []es.DeciderDef{letterDecider}},
		es.Module{Name: "care", Processes: []es.ProcessDef{thanksProcess}},
	)
	p.Send("1", sell{Buyer: "ada"})
	p.Wait(48*time.Hour, func() bool { return len(p.Events("letter", "ada")) == 2 })
	if now := p.Now(); now != time.Date(2026, 1, 3, 9, 0, 0, 0, time.UTC) {
		t.Errorf("it is %s", now)
	}
	if events := p.Events("letter", "ada"); events[0] != (wrote{"thank you"}) || events[1] != (wrote{"good morning"}) {
		t.Errorf("the letters are %v", events)
	}
}

func TestAScenarioAtAnotherTime(t *testing.T) {
	t.Parallel()
	module := es.Module{Name: "sales", Deciders: []es.DeciderDef{saleDecider, letterDecider}}
	at := time.Date(2027, 12, 31, 23, 0, 0, 0, time.UTC)
	estest.GivenProcess(t, module, thanksProcess).At(at).
		When("1", sold{Buyer: "ada"}).
		Then(es.Send("ada", write{"thank you"}), es.Schedule("morning", time.Date(2028, 1, 1, 9, 0, 0, 0, time.UTC))).
		WhenAccepted(write{"thank you"}).
		WhenPassed("morning").
		Then(es.Send("ada", write{"good morning"}), es.Complete())
}
