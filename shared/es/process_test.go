package es_test

import (
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

// A lunch: a guest is hungry, a dish is cooked and then served.
type (
	hungry  struct{ Dish string }
	cooked  struct{ Dish string }
	cook    struct{ Dish string }
	serve   struct{ Dish string }
	discard struct{ Dish string }

	lunch struct {
		Dish  string
		Tries int
	}
)

var kitchen = es.Module{
	Name: "kitchen",
	Deciders: []es.DeciderDef{
		es.Decider[int]{
			Category: "guest",
			Evolve:   es.Events[int]{es.Apply("Hungry", func(n int, _ hungry) int { return n })},
		},
		es.Decider[int]{
			Category: "dish",
			Decide: es.Commands[int]{
				es.Handle("cook", func(int, cook) ([]es.Event, error) { return es.Accept() }),
				es.Handle("serve", func(int, serve) ([]es.Event, error) { return es.Accept() }),
				es.Handle("discard", func(int, discard) ([]es.Event, error) { return es.Accept() }),
			},
			Evolve: es.Events[int]{es.Apply("Cooked", func(n int, _ cooked) int { return n + 1 })},
		},
	},
}

func (l lunch) hungry(e hungry, _ es.Meta) (lunch, []es.Effect) {
	if e.Dish == "bad" {
		panic("no cook for this")
	}
	l.Dish = e.Dish
	return l, []es.Effect{es.Send(e.Dish, cook(e)), es.After("late", time.Minute), es.AtStep("cooking")}
}

func (l lunch) cooked(c cook, o es.CommandResult) (lunch, []es.Effect) {
	switch {
	case o.Accepted && o.Ended:
		return l, []es.Effect{es.Send(c.Dish, discard(c))}
	case o.Accepted:
		return l, []es.Effect{es.Cancel("late"), es.Send(l.Dish, serve(c)), es.AtStep("serving")}
	case l.Tries == 0:
		l.Tries++
		return l, []es.Effect{es.Send(c.Dish, c)}
	}
	return l, []es.Effect{es.Fail("not cooked: " + o.Code)}
}

func (l lunch) served(_ serve, o es.CommandResult) (lunch, []es.Effect) {
	if o.Accepted {
		return l, []es.Effect{es.Complete()}
	}
	return l, []es.Effect{es.Fail(o.Code)}
}

func (l lunch) late(es.Meta) (lunch, []es.Effect) { return l, []es.Effect{es.Fail("too late")} }

var lunches = es.Process[lunch]{
	Name: "lunch",
	On: es.Reactions[lunch]{
		es.Start(es.StreamID, lunch.hungry),
		es.OnResult(lunch.cooked),
		es.OnResult(lunch.served),
		es.OnDeadline("late", lunch.late),
	},
}

func given(t *testing.T) *estest.ProcessScenario { return estest.GivenProcess(t, kitchen, lunches) }

func TestAProcessRunsToItsEnd(t *testing.T) {
	t.Parallel()
	given(t).When("1", hungry{"soup"}).
		Then(es.Send("soup", cook{"soup"}), es.After("late", time.Minute), es.AtStep("cooking")).
		WhenAccepted(cook{"soup"}).
		Then(es.Cancel("late"), es.Send("soup", serve{"soup"}), es.AtStep("serving")).
		WhenAccepted(serve{"soup"}).
		Then(es.Complete()).ThenStatus(estest.StatusCompleted).ThenState(lunch{Dish: "soup"})
}

func TestAProcessIsToldOfWhatComesTooLate(t *testing.T) {
	t.Parallel()
	given(t).When("1", hungry{"soup"}).ThenStatus(estest.StatusRunning).
		WhenRejected(cook{"soup"}, "no-gas").Then(es.Send("soup", cook{"soup"})).
		WhenPassed("late").Then(es.Fail("too late")).ThenStatus(estest.StatusFailed).
		WhenAccepted(cook{"soup"}).Then(es.Send("soup", discard{"soup"})).ThenStatus(estest.StatusFailed).
		WhenAccepted(discard{"soup"}).Then()
}

func TestAPanicParksTheInstance(t *testing.T) {
	t.Parallel()
	given(t).When("1", hungry{"bad"}).ThenParked("no cook for this").
		When("1", hungry{"soup"}).ThenStatus(estest.StatusParked).
		WhenRetried().ThenParked("no cook for this").
		WhenCancelled("enough").ThenStatus(estest.StatusCancelled)
	if n := given(t).When("1", hungry{"bad"}).ThenParked("").When("1", hungry{"soup"}).ThenParked("").Instance().Queued; n != 2 {
		t.Errorf("%d triggers are queued", n)
	}
}

func TestNobodyReachesAnInstanceFromOutside(t *testing.T) {
	t.Parallel()
	m := kitchen
	m.Processes = []es.ProcessDef{lunches}
	r, err := compile.Modules(m)
	if err != nil {
		t.Fatal(err)
	}
	a, ok := r.Aggregate("process-lunch")
	if !ok || len(a.Commands()) != 0 {
		t.Errorf("%+v", a)
	}
	if _, ok := a.Command("react"); ok {
		t.Error("a command reaches the instance")
	}
}

func TestProcessesThatCantWork(t *testing.T) {
	t.Parallel()
	with := func(change func(*es.Process[lunch])) es.Module {
		m, p := kitchen, lunches
		p.On = append(es.Reactions[lunch]{}, p.On...)
		change(&p)
		m.Processes = []es.ProcessDef{p}
		return m
	}
	type unknown struct{}
	for says, m := range map[string]es.Module{
		"no event":                with(func(p *es.Process[lunch]) { p.On = p.On[1:] }),
		"twice to kitchen.Hungry": with(func(p *es.Process[lunch]) { p.On = append(p.On, p.On[0]) }),
		"twice to the result":     with(func(p *es.Process[lunch]) { p.On = append(p.On, p.On[1]) }),
		"twice to the deadline":   with(func(p *es.Process[lunch]) { p.On = append(p.On, p.On[3]) }),
		"more than 43 bytes":      with(func(p *es.Process[lunch]) { p.On = append(p.On, es.OnDeadline(strings.Repeat("x", 60), lunch.late)) }),
		"which no decider applies": with(func(p *es.Process[lunch]) {
			p.On = append(p.On, es.WhenNamed("other.Thing", es.StreamID, lunch.hungry))
		}),
		"a command that no decider": with(func(p *es.Process[lunch]) {
			p.On = append(p.On, es.OnResult(func(l lunch, _ unknown, _ es.CommandResult) (lunch, []es.Effect) { return l, nil }))
		}),
		"process is empty": with(func(p *es.Process[lunch]) { p.Name = "" }),
	} {
		err := es.Check(m)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is missing in %v", says, err)
		}
	}
	err := es.Check(es.Module{Name: "m", Deciders: []es.DeciderDef{es.Decider[int]{Category: "process-x"}}})
	if err == nil || !strings.Contains(err.Error(), "process-x") {
		t.Error(err)
	}
}
