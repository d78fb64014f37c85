package estest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"orchestrix/shared/core"
	"orchestrix/shared/es"
)

// Given starts a scenario of one aggregate, from what has happened to it so far:
//
//	estest.Given(t, ordering.OrderDecider, placed).
//		When(ordering.Ship{Carrier: "Federal Shipping"}).
//		Then(ordering.OrderShipped{Carrier: "Federal Shipping"})
//
// On the way it checks what every decider promises: commands and events survive their way through JSON, as
// over HTTP and in the log, and so does the state, as in a snapshot; decide and evolve change no state that
// they are given; and decide says the same twice.
func Given[S any](t testing.TB, decider es.Decider[S], events ...es.Event) *Scenario[S] {
	t.Helper()
	registry, err := es.NewRegistry(es.Module{Name: "given", Deciders: []es.DeciderDef{decider}})
	if err != nil {
		t.Fatalf("the decider can't be registered: %v", err)
	}
	aggregate, _ := registry.Aggregate(decider.Category)
	s := &Scenario[S]{t: t, aggregate: aggregate, state: aggregate.Initial}
	s.state = s.reread(s.state, "the initial state")
	for _, event := range events {
		s.state = s.evolve(s.state, event)
	}
	return s
}

// Scenario is an aggregate to which some things have happened.
type Scenario[S any] struct {
	t         testing.TB
	aggregate *core.Aggregate
	state     any
}

// Result is what a command has led to. An outcome that no Then looks at fails the test.
type Result[S any] struct {
	t       testing.TB
	command string
	events  []es.Event
	err     error
	after   *Scenario[S]
	seen    bool
}

// When gives the aggregate a command.
func (s *Scenario[S]) When(command any) *Result[S] {
	s.t.Helper()
	o := &Result[S]{t: s.t, command: fmt.Sprintf("%T", command)}
	o.events, o.err = s.decide(command)
	o.after = &Scenario[S]{t: s.t, aggregate: s.aggregate, state: s.state}
	for _, event := range o.events {
		o.after.state = s.evolve(o.after.state, event)
	}
	s.t.Cleanup(func() {
		if !o.seen && !s.t.Failed() {
			s.t.Errorf("%s: nothing was expected of it; end the scenario with one of the Then methods", o.command)
		}
	})
	return o
}

// When gives the aggregate, after what has happened so far, one more command.
func (o *Result[S]) When(command any) *Result[S] {
	o.t.Helper()
	return o.after.When(command)
}

// Then expects that the command was accepted, and led to these events, in this order.
func (o *Result[S]) Then(events ...es.Event) *Result[S] {
	o.t.Helper()
	o.seen = true
	if o.err != nil {
		o.t.Errorf("%s: got %s, expected %d events", o.command, describeError(o.err), len(events))
		return o
	}
	if d := difference(events, o.events); d != "" {
		o.t.Errorf("%s: the events differ (- expected, + got):\n%s", o.command, d)
	}
	return o
}

// ThenNothing expects that the command was accepted and changed nothing.
func (o *Result[S]) ThenNothing() *Result[S] {
	o.t.Helper()
	return o.Then()
}

// ThenRejected expects that the domain said no, with this code.
func (o *Result[S]) ThenRejected(code string) *Result[S] {
	o.t.Helper()
	o.seen = true
	var rejection *es.Rejection
	switch {
	case o.err == nil:
		o.t.Errorf("%s: it was accepted, expected the rejection %q; it led to (+):\n%s", o.command, code, difference(nil, o.events))
	case !errors.As(o.err, &rejection) || rejection.Code != code:
		o.t.Errorf("%s: got %s, expected the rejection %q", o.command, describeError(o.err), code)
	}
	return o
}

// ThenState expects that the aggregate's state is then this one.
func (o *Result[S]) ThenState(want S) *Result[S] {
	o.t.Helper()
	o.seen = true
	if d := difference(want, o.State()); d != "" {
		o.t.Errorf("%s: the state differs (- expected, + got):\n%s", o.command, d)
	}
	return o
}

// State is the aggregate's state after the command.
func (o *Result[S]) State() S { return o.after.State() }

// State is the aggregate's state.
func (s *Scenario[S]) State() S {
	state, _ := s.state.(S)
	return state
}

// decide asks twice, and checks that the state stays as it was.
func (s *Scenario[S]) decide(command any) ([]es.Event, error) {
	s.t.Helper()
	t, ok := s.aggregate.CommandOf(command)
	if !ok {
		s.t.Fatalf("decider %q takes no %T; it takes %s", s.aggregate.Category, command, s.commands())
	}
	received, err := t.Decode(encode(s.t, command))
	if err != nil {
		s.t.Fatalf("%T can't be read back from JSON: %v", command, err)
	}
	if d := difference(command, received); d != "" {
		s.t.Fatalf("%T is not the same after JSON (- before, + after):\n%s", command, d)
	}
	before := encode(s.t, s.state)
	events, err := t.Decide(s.state, received)
	again, errAgain := t.Decide(s.state, received)
	if after := encode(s.t, s.state); !bytes.Equal(before, after) {
		s.t.Fatalf("deciding %T changed the state that it was given:\n- %s\n+ %s", command, before, after)
	}
	if d := difference(events, again); d != "" {
		s.t.Fatalf("deciding %T twice led to different events (- first, + second); time and ids come in with the command:\n%s", command, d)
	}
	if d := difference(describeError(err), describeError(errAgain)); d != "" {
		s.t.Fatalf("deciding %T twice led to different answers (- first, + second):\n%s", command, d)
	}
	return events, err
}

// evolve applies the event as it comes back from the log, to a state as it comes back from a snapshot.
func (s *Scenario[S]) evolve(state any, event es.Event) any {
	s.t.Helper()
	recorded, err := s.aggregate.Encode(event)
	if err != nil {
		s.t.Fatal(err)
	}
	read, err := s.aggregate.Decode(recorded)
	if err != nil {
		s.t.Fatal(err)
	}
	if d := difference(event, read); d != "" {
		s.t.Fatalf("%T is not the same after the log (- before, + after):\n%s", event, d)
	}
	before := encode(s.t, state)
	next := s.aggregate.Evolve(state, read)
	if after := encode(s.t, state); !bytes.Equal(before, after) {
		s.t.Fatalf("applying %T changed the state that it was given; return a new one, with its own slices and maps:\n- %s\n+ %s", event, before, after)
	}
	return s.reread(next, fmt.Sprintf("the state after %T", event))
}

// reread returns the state as a snapshot would give it back.
func (s *Scenario[S]) reread(state any, what string) any {
	s.t.Helper()
	read, err := s.aggregate.DecodeState(encode(s.t, state))
	if err != nil {
		s.t.Fatalf("%s can't be read back from JSON: %v", what, err)
	}
	if d := difference(state, read); d != "" {
		s.t.Fatalf("%s is not the same after a snapshot (- before, + after):\n%s", what, d)
	}
	return read
}

func (s *Scenario[S]) commands() string {
	var types []string
	for _, c := range s.aggregate.Commands() {
		types = append(types, c.Type.String())
	}
	return strings.Join(types, ", ")
}

func describeError(err error) string {
	var rejection *es.Rejection
	switch {
	case err == nil:
		return "no error"
	case errors.As(err, &rejection):
		return fmt.Sprintf("the rejection %q (%s)", rejection.Code, rejection.Message)
	default:
		return fmt.Sprintf("the error %q, which is no rejection: use es.Reject", err)
	}
}
