package command_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
)

// A ledger accepts any command, but folding a booking panics before the ledger is opened. Its report is too long for a commit
// unless "brief" was booked.
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
	next[e.What]++ // it panics if the map is nil
	return ledger{next}
}

func (l ledger) report(report) ([]core.Event, error) {
	if l.Booked["brief"] > 0 {
		return es.Accept(reported{"brief"})
	}
	return es.Accept(reported{strings.Repeat("long", mostOfAReport)})
}

func ledgerExecutor(t *testing.T, log port.EventStore) *command.Executor {
	t.Helper()
	registry := runtimetest.NewRegistry(t, es.Module{Name: "ledgers", Deciders: []es.DeciderDef{es.Decider[ledger]{
		Category: "ledger",
		Decide: es.Commands[ledger]{
			es.Handle("open", func(ledger, open) ([]core.Event, error) { return es.Accept(opened{}) }),
			es.Handle("book", func(_ ledger, c book) ([]core.Event, error) { return es.Accept(booked(c)) }),
			es.Handle("report", ledger.report),
		},
		Evolve: es.Events[ledger]{
			es.Apply("Opened", func(ledger, opened) ledger { return ledger{map[string]int{}} }),
			es.Apply("Booked", ledger.booked),
			es.Apply("Reported", func(l ledger, _ reported) ledger { return l }),
		},
	}}})
	x, err := command.NewExecutor(registry, log, nil, command.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func onLedger(t *testing.T, x *command.Executor, name, id string, command any) error {
	t.Helper()
	body, err := core.Marshal(command)
	if err != nil {
		t.Fatal(err)
	}
	_, err = x.Execute(t.Context(), runtime.Command{
		Stream: core.Stream{Tenant: core.DefaultTenant, Category: "ledger", ID: "a"}, Name: name, ID: id, Body: body,
	})
	return err
}

// If events of an optimistic append, or on a state from a snapshot, can't be written, the command is decided again on the state
// in the log, as after a rejection.
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
	if err := onLedger(t, second, "report", "r1", report{}); !errors.Is(err, port.ErrTooLarge) {
		t.Errorf("a long report: %v", err)
	}
	if err := onLedger(t, second, "book", "b", book{"brief"}); err != nil {
		t.Fatal(err)
	}
	if err := onLedger(t, first, "report", "r2", report{}); err != nil {
		t.Errorf("a report that is brief by now: %v", err)
	}
}
