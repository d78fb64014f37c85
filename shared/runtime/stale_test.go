package runtime_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"orchestrix/shared/es"
	"orchestrix/shared/memory"
	"orchestrix/shared/runtime"
)

// A ledger does not check that it was opened: its events can't be folded before. It reports briefly after "brief" was booked.
type (
	ledger struct{ Booked map[string]int }
	open   struct{}
	book   struct{ What string }
	report struct{}

	opened   struct{}
	booked   struct{ What string }
	reported struct{ Text string }
)

const mostOfAReport = 1000

func (l ledger) booked(e booked) ledger {
	next := maps.Clone(l.Booked)
	next[e.What]++ // it panics on a nil map
	return ledger{next}
}

func (l ledger) report(report) ([]es.Event, error) {
	if l.Booked["brief"] > 0 {
		return es.Accept(reported{"brief"})
	}
	return es.Accept(reported{strings.Repeat("long", mostOfAReport)})
}

func ledgerExecutor(t *testing.T, log es.EventStore) *runtime.Executor {
	t.Helper()
	registry := registered(t, es.Module{Name: "ledgers", Deciders: []es.DeciderDef{es.Decider[ledger]{
		Category: "ledger",
		Decide: es.Commands[ledger]{
			es.Handle("open", func(ledger, open) ([]es.Event, error) { return es.Accept(opened{}) }),
			es.Handle("book", func(_ ledger, c book) ([]es.Event, error) { return es.Accept(booked(c)) }),
			es.Handle("report", ledger.report),
		},
		Evolve: es.Events[ledger]{
			es.Apply("Opened", func(ledger, opened) ledger { return ledger{map[string]int{}} }),
			es.Apply("Booked", ledger.booked),
			es.Apply("Reported", func(l ledger, _ reported) ledger { return l }),
		},
	}}})
	x, err := runtime.NewExecutor(registry, log, nil, runtime.ExecutorConfig{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func onLedger(t *testing.T, x *runtime.Executor, name, id string, command any) error {
	t.Helper()
	body, err := es.Marshal(command)
	if err != nil {
		t.Fatal(err)
	}
	_, err = x.Execute(t.Context(), runtime.Command{
		Stream: es.Stream{Tenant: es.DefaultTenant, Category: "ledger", ID: "a"}, Name: name, ID: id, Body: body,
	})
	return err
}

// Events that can't be written on an assumed or cached state are decided again on a fresh state, as a rejection is.
func TestAFailureOnAGuessedStateIsAskedOfTheLog(t *testing.T) {
	t.Parallel()
	log := memory.NewLog(1, memory.MaxCommit(mostOfAReport))
	first := ledgerExecutor(t, log)
	for n, err := range []error{onLedger(t, first, "open", "o", open{}), onLedger(t, first, "book", "b", book{"brief"})} {
		if err != nil {
			t.Fatal(n, err)
		}
	}
	for name, command := range map[string]any{"book": book{"more"}, "report": report{}} {
		for n := range 2 {
			if err := onLedger(t, ledgerExecutor(t, log), name, fmt.Sprint(name, n), command); err != nil {
				t.Errorf("%s of a ledger in no cache: %v", name, err)
			}
		}
	}
}

func TestAFailureOnAnOldStateIsAskedOfTheLog(t *testing.T) {
	t.Parallel()
	log := memory.NewLog(1, memory.MaxCommit(mostOfAReport))
	first, second := ledgerExecutor(t, log), ledgerExecutor(t, log)
	if err := onLedger(t, first, "open", "o", open{}); err != nil {
		t.Fatal(err)
	}
	if err := onLedger(t, second, "report", "r1", report{}); !errors.Is(err, es.ErrTooLarge) {
		t.Errorf("a long report: %v", err)
	}
	if err := onLedger(t, second, "book", "b", book{"brief"}); err != nil {
		t.Fatal(err)
	}
	if err := onLedger(t, first, "report", "r2", report{}); err != nil {
		t.Errorf("a report that is brief by now: %v", err)
	}
}
