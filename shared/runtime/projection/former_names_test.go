package projection_test

import (
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
)

type (
	lendBook struct {
		To string `json:"to"`
	}
	lentV1 struct {
		Name string `json:"name"`
	}
	bookLent struct {
		Reader string `json:"reader"`
	}
	books struct{ Loans []string }
)

func (b books) lent(e bookLent) books {
	return books{append(b.Loans[:len(b.Loans):len(b.Loans)], e.Reader)}
}

// The module "library" wrote events "library.Lent"; the module is called "books" now, and the kind and the payload have
// changed. Old and new events are one history for the aggregate, the views and the queries of its past.
func TestEventsUnderAFormerName(t *testing.T) {
	t.Parallel()
	library := es.Module{Name: "library", Deciders: []es.DeciderDef{es.Decider[int]{
		Category: "book",
		Decide:   es.Commands[int]{es.Handle("lend", func(_ int, c lendBook) ([]core.Event, error) { return es.Accept(lentV1{c.To}) })},
		Evolve:   es.Events[int]{es.Apply("Lent", func(n int, _ lentV1) int { return n + 1 })},
	}}}
	renamed := es.Module{
		Name: "books",
		Deciders: []es.DeciderDef{es.Decider[books]{
			Category: "book",
			Decide:   es.Commands[books]{es.Handle("lend", func(_ books, c lendBook) ([]core.Event, error) { return es.Accept(bookLent{c.To}) })},
			Evolve: es.Events[books]{es.Apply("BookLent", books.lent, es.Formerly("library.Lent"),
				es.From(1, func(old lentV1) bookLent { return bookLent{Reader: old.Name} }))},
		}},
		Views: []es.ViewDef{es.View[runtimetest.Tally]{Name: "by-id", Version: 1, On: es.Folds[runtimetest.Tally]{
			es.On(func(d *runtimetest.Tally, e bookLent) { d.Total += len(e.Reader); d.Adds++ }),
		}}},
		Processes: []es.ProcessDef{es.Process[bool]{Name: "remind", On: es.Reactions[bool]{
			es.Start(es.StreamID, func(bool, bookLent, core.Meta) (bool, []processes.Effect) { return true, nil }),
		}}},
	}
	dune := core.Stream{Tenant: core.DefaultTenant, Category: "book", ID: "dune"}
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		lend := func(m es.Module, id, to string) {
			t.Helper()
			registry, err := compile.Modules(m)
			if err != nil {
				t.Fatal(err)
			}
			x, err := command.NewExecutor(registry, s.Log, nil, command.Config{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			runtimetest.MustExecute(t, x, runtime.Command{Stream: dune, Name: "lend", ID: id, Body: json.RawMessage(`{"to":"` + to + `"}`)})
		}
		lend(library, "1", "Ada")
		lend(renamed, "2", "Grace")
		registry, err := compile.Modules(renamed)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := registry.Aggregate("book")
		state := a.Initial
		last, err := s.Log.Last(t.Context(), dune)
		if err != nil {
			t.Fatal(err)
		}
		for commit, err := range s.Log.Since(t.Context(), 0, last) {
			if err != nil {
				t.Fatal(err)
			}
			if state, err = a.Fold(state, &commit, 1); err != nil {
				t.Fatal(err)
			}
			process := registry.Processes()[0]
			for _, r := range commit.Events {
				event, err := registry.Decode(r)
				if id, errID := process.Instance(r.Type, event, core.Meta{Stream: commit.Stream}); err != nil || !process.ReactsTo(r.Type) || id != "dune" || errID != nil {
					t.Errorf("%s starts instance %q: %v, %v", r.Type, id, err, errID)
				}
			}
		}
		if loans := state.(books).Loans; len(loans) != 2 || loans[0] != "Ada" || loans[1] != "Grace" {
			t.Errorf("loans are %q", loans)
		}
		runtimetest.StartProjector(t, registry, s.Log, s.Views, "one")
		runtimetest.AwaitTallies(t, s.Views, map[string]runtimetest.Tally{"dune": {Total: len("Ada") + len("Grace"), Adds: 2}})
	})
}
