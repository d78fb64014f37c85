package estest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
)

// Given starts a scenario of one aggregate, from its events so far:
//
//	estest.Given(t, ordering.OrderDecider, placed).
//		When(ordering.Ship{Carrier: "Federal Shipping"}).
//		Then(ordering.OrderShipped{Carrier: "Federal Shipping"})
//
// It also checks the rules for deciders: commands, events and the state survive their JSON form, as over HTTP, in the log and
// in a snapshot; decide and evolve do not change the state that they get; and a second call of decide gives the same result.
func Given[S any](t testing.TB, decider es.Decider[S], events ...es.Event) *Scenario[S] {
	t.Helper()
	registry, err := compile.Modules(es.Module{Name: "given", Deciders: []es.DeciderDef{decider}})
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

// Scenario is an aggregate after some events.
type Scenario[S any] struct {
	t         testing.TB
	aggregate *core.Aggregate
	state     any
}

// Result is the result of a command: events or an error. A result without a Then method fails the test.
type Result[S any] struct {
	t       testing.TB
	command string
	events  []es.Event
	err     error
	after   *Scenario[S]
	seen    bool
}

// When executes a command on the aggregate.
func (s *Scenario[S]) When(command any) *Result[S] {
	s.t.Helper()
	r := &Result[S]{t: s.t, command: fmt.Sprintf("%T", command)}
	r.events, r.err = s.decide(command)
	r.after = &Scenario[S]{t: s.t, aggregate: s.aggregate, state: s.state}
	for _, event := range r.events {
		r.after.state = s.evolve(r.after.state, event)
	}
	s.t.Cleanup(func() {
		if !r.seen && !s.t.Failed() {
			s.t.Errorf("%s: the result is not checked; end the scenario with one of the Then methods", r.command)
		}
	})
	return r
}

// When executes one more command on the aggregate, after the events so far.
func (r *Result[S]) When(command any) *Result[S] {
	r.t.Helper()
	return r.after.When(command)
}

// Then expects that the command was accepted with these events, in this order.
func (r *Result[S]) Then(events ...es.Event) *Result[S] {
	r.t.Helper()
	r.seen = true
	if r.err != nil {
		r.t.Errorf("%s: got %s, expected %d events", r.command, describeError(r.err), len(events))
		return r
	}
	if d := difference(events, r.events); d != "" {
		r.t.Errorf("%s: the events differ (- expected, + got):\n%s", r.command, d)
	}
	return r
}

// ThenNothing expects that the command was accepted without events.
func (r *Result[S]) ThenNothing() *Result[S] {
	r.t.Helper()
	return r.Then()
}

// ThenRejected expects that the command was rejected with this code.
func (r *Result[S]) ThenRejected(code string) *Result[S] {
	r.t.Helper()
	r.seen = true
	var rejection *es.Rejection
	switch {
	case r.err == nil:
		r.t.Errorf("%s: it was accepted, expected the rejection %q; its events are (+):\n%s", r.command, code, difference(nil, r.events))
	case !errors.As(r.err, &rejection) || rejection.Code != code:
		r.t.Errorf("%s: got %s, expected the rejection %q", r.command, describeError(r.err), code)
	}
	return r
}

// ThenState expects this state of the aggregate after the command.
func (r *Result[S]) ThenState(want S) *Result[S] {
	r.t.Helper()
	r.seen = true
	if d := difference(want, r.State()); d != "" {
		r.t.Errorf("%s: the state differs (- expected, + got):\n%s", r.command, d)
	}
	return r
}

// State returns the aggregate's state after the command.
func (r *Result[S]) State() S { return r.after.State() }

// State returns the aggregate's state.
func (s *Scenario[S]) State() S {
	state, _ := s.state.(S)
	return state
}

// decide calls the decide function twice, and checks that the results are equal and the state is not changed.
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

// evolve applies an event that is decoded from its form in the log, and returns the state after its form in a snapshot.
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

// reread returns the state after its form in a snapshot.
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
