package estest

import (
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/processes"
)

// GivenProcess starts a scenario of one process instance, which has not begun:
//
//	estest.GivenProcess(t, banking.Module(), banking.TransferProcess).
//		When("t-1", banking.TransferRequested{From: "ada", To: "bob", …}).
//		Then(es.Send("ada", banking.Debit{…}), es.After("debit", time.Minute)).
//		WhenRejected(banking.Debit{…}, "insufficient-funds").
//		Then(es.Fail("insufficient-funds"))
//
// module has the deciders of the events and commands of the process; the process need not be in module.Processes. Recorded
// events and states pass through their JSON form, as in the log and in a snapshot. A trigger that is not followed by a Then
// method must have no effects.
func GivenProcess(t testing.TB, module es.Module, process es.ProcessDef) *ProcessScenario {
	t.Helper()
	registry, err := compile.Modules(es.Module{Name: module.Name, Deciders: module.Deciders, Processes: []es.ProcessDef{process}})
	if err != nil {
		t.Fatalf("the process can't be registered: %v", err)
	}
	s := &ProcessScenario{
		t: t, registry: registry, process: registry.Processes()[0], versions: map[es.Stream]core.Version{},
		now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), seen: true,
	}
	s.state, _ = s.process.Aggregate.Initial.(processes.Instance)
	t.Cleanup(s.checkLast)
	return s
}

// ProcessScenario is a process instance after some triggers.
type ProcessScenario struct {
	t          testing.TB
	registry   *core.Registry
	process    *core.ProcessType
	instance   es.Stream
	state      processes.Instance
	now        time.Time
	versions   map[es.Stream]core.Version
	operations int // of operators

	// The last trigger, and the events of the reaction.
	trigger processes.Trigger
	before  processes.Instance
	events  []es.Event
	seen    bool
}

// At sets the time of the following triggers. The default is 2026-01-02T03:04:05Z.
func (s *ProcessScenario) At(now time.Time) *ProcessScenario {
	s.now = now.UTC()
	return s
}

// When delivers an event of the aggregate with this id.
func (s *ProcessScenario) When(id string, event es.Event) *ProcessScenario {
	s.t.Helper()
	for _, aggregate := range s.registry.Aggregates() {
		recorded, err := aggregate.Encode(event)
		if err != nil || strings.HasPrefix(aggregate.Category, core.ProcessCategoryPrefix) {
			continue
		}
		stream := es.Stream{Tenant: core.DefaultTenant, Category: aggregate.Category, ID: id}
		s.versions[stream]++
		c := core.Commit{Stream: stream, Version: s.versions[stream], Time: s.now, Events: []core.Recorded{recorded}}
		s.route(event, recorded.Type, &c)
		return s
	}
	s.t.Fatalf("no decider of module %q applies %T", s.process.Module, event)
	return s
}

// route delivers an event to the instance that the process's function returns.
func (s *ProcessScenario) route(event es.Event, name string, c *core.Commit) {
	s.t.Helper()
	if !s.process.ReactsTo(name) {
		s.t.Fatalf("process %q does not react to %T", s.process.Name, event)
	}
	id, err := s.process.Instance(name, event, es.Meta{Stream: c.Stream, Version: c.Version, Time: c.Time})
	if err != nil {
		s.t.Fatal(err)
	}
	if id == "" {
		s.checkLast()
		s.before, s.events, s.seen = s.state, nil, false
		return
	}
	if s.instance.ID != "" && s.instance.ID != id {
		s.t.Fatalf("%T is for the instance %q, this scenario is about %q", event, id, s.instance.ID)
	}
	s.instance = es.Stream{Tenant: core.DefaultTenant, Category: s.process.Aggregate.Category, ID: id}
	s.deliver(processes.EventTrigger(c, 0))
}

// WhenAccepted accepts a command that the instance has sent: the oldest equal one without a result.
func (s *ProcessScenario) WhenAccepted(command any) *ProcessScenario {
	s.t.Helper()
	return s.WhenResult(s.sent(command), true, "")
}

// WhenRejected rejects a command that the instance has sent, with this code.
func (s *ProcessScenario) WhenRejected(command any, code string) *ProcessScenario {
	s.t.Helper()
	return s.WhenResult(s.sent(command), false, code)
}

// WhenResult delivers the result of a command by the command's id: accepted, or rejected with a code.
func (s *ProcessScenario) WhenResult(id string, accepted bool, code string) *ProcessScenario {
	s.t.Helper()
	result := es.CommandResult{CommandID: id, Accepted: accepted, Time: s.now}
	if !accepted {
		result.Code, result.Message = code, "rejected"
	}
	s.deliver(processes.ResultTrigger(result))
	return s
}

// WhenPassed lets a deadline of the instance pass.
func (s *ProcessScenario) WhenPassed(name string) *ProcessScenario {
	s.t.Helper()
	for _, d := range s.state.Deadlines {
		if d.Name == name {
			if due := d.Due(s.now); due.After(s.now) {
				s.now = due
			}
			s.deliver(processes.DeadlineTrigger(d.ID, d.Key(), s.now))
			return s
		}
	}
	s.t.Fatalf("no deadline %q is pending; there are %v", name, s.state.Deadlines)
	return s
}

// WhenCancelled ends the instance early, as an operator does.
func (s *ProcessScenario) WhenCancelled(reason string) *ProcessScenario {
	s.t.Helper()
	s.operations++
	by := core.Action{Who: "operator", Reason: reason, At: s.now}
	s.execute(processes.CancelCommand(s.process, s.instance, "cancel-"+string(rune('0'+s.operations)), by, nil))
	return s
}

// WhenRetried retries the parked instance, as an operator does.
func (s *ProcessScenario) WhenRetried() *ProcessScenario {
	s.t.Helper()
	s.operations++
	s.execute(processes.RetryCommand(s.process, s.instance, "retry-"+string(rune('0'+s.operations)), core.Action{Who: "operator", At: s.now}, processes.MaxDrain, nil))
	return s
}

// sent returns the id of the oldest equal command that the instance has sent and that has no result.
func (s *ProcessScenario) sent(command any) string {
	s.t.Helper()
	body := encode(s.t, command)
	for _, aggregate := range s.registry.Aggregates() {
		c, ok := aggregate.CommandOf(command)
		if !ok {
			continue
		}
		for _, sent := range s.state.Sent {
			if sent.Category == aggregate.Category && sent.Name == c.Name && string(sent.Body) == string(body) {
				return sent.ID
			}
		}
	}
	s.t.Fatalf("the instance has sent no %T %s without a result; it has sent (-):\n%s", command, body, difference(s.state.Sent, nil))
	return ""
}

// deliver executes the command that delivers a trigger.
func (s *ProcessScenario) deliver(t processes.Trigger) {
	s.t.Helper()
	s.trigger = t
	s.execute(processes.ReactCommand(s.process, s.instance, t, nil))
}

// execute decides a command of the instance twice. The second decision must be equal.
func (s *ProcessScenario) execute(c core.InternalCommand) {
	s.t.Helper()
	s.checkLast()
	events, err := c.Type.Decide(s.state, c.Payload)
	again, errAgain := c.Type.Decide(s.state, c.Payload)
	if err != nil || errAgain != nil {
		s.t.Fatal(describeError(err))
	}
	if d := difference(events, again); d != "" {
		s.t.Fatalf("two reactions to %s differ (- first, + second); a reaction gets time and ids from its arguments:\n%s", s.trigger.ID, d)
	}
	s.before, s.events, s.seen = s.state, nil, false
	for _, event := range events {
		s.state = s.evolve(event)
	}
}

// evolve applies a recorded event after its form in the log, and returns the state after its form in a snapshot.
func (s *ProcessScenario) evolve(event es.Event) processes.Instance {
	s.t.Helper()
	a := s.process.Aggregate
	recorded, err := a.Encode(event)
	if err != nil {
		s.t.Fatal(err)
	}
	read, err := a.Decode(recorded)
	if err != nil {
		s.t.Fatal(err)
	}
	s.events = append(s.events, read)
	state, err := a.DecodeState(encode(s.t, a.Evolve(s.state, read)))
	if err != nil {
		s.t.Fatal(err)
	}
	instance, _ := state.(processes.Instance)
	return instance
}

// checkLast fails where the last trigger had effects that no Then method has checked.
func (s *ProcessScenario) checkLast() {
	s.t.Helper()
	if !s.seen && !s.t.Failed() {
		s.Then()
	}
}

// Then expects that the last trigger had these effects, in this order, and no others.
func (s *ProcessScenario) Then(effects ...es.Effect) *ProcessScenario {
	s.t.Helper()
	s.seen = true
	if s.state.Status == StatusParked {
		s.t.Fatalf("the instance is parked: %s", s.state.Error)
	}
	if len(s.events) == 0 {
		if len(effects) > 0 {
			s.t.Errorf("%s changed nothing, expected %d effects", s.trigger.ID, len(effects))
		}
		return s
	}
	trigger := s.trigger
	for _, event := range s.events {
		if reacted, ok := event.(processes.Reacted); ok {
			trigger = reacted.Trigger
			break
		}
	}
	want, err := processes.ExpectedEvents(s.registry, s.before, s.instance, trigger, effects...)
	if err != nil {
		s.t.Fatalf("the expected effects are invalid: %v", err)
	}
	if d := difference(s.comparable(want), s.comparable(s.events)); d != "" {
		s.t.Errorf("after %s the effects differ (- expected, + got):\n%s", trigger.ID, d)
	}
	return s
}

// comparable returns events after their form in the log, without the state, and without [processes.Retried].
func (s *ProcessScenario) comparable(events []es.Event) (rest []es.Event) {
	s.t.Helper()
	for _, event := range events {
		recorded, err := s.process.Aggregate.Encode(event)
		if err != nil {
			s.t.Fatal(err)
		}
		if event, err = s.process.Aggregate.Decode(recorded); err != nil {
			s.t.Fatal(err)
		}
		switch e := event.(type) {
		case processes.Retried:
			continue
		case processes.Reacted:
			e.Schema, e.State = 0, nil
			event = e
		}
		rest = append(rest, event)
	}
	return rest
}

// ThenStatus expects this status of the instance. It accepts any effects.
func (s *ProcessScenario) ThenStatus(status Status) *ProcessScenario {
	s.t.Helper()
	s.seen = true
	if s.state.Status != status {
		s.t.Errorf("the instance is %s (%s%s), expected %s", s.state.Status, s.state.Reason, s.state.Error, status)
	}
	return s
}

// ThenParked expects that the instance is parked, with an error that contains this text.
func (s *ProcessScenario) ThenParked(text string) *ProcessScenario {
	s.t.Helper()
	s.ThenStatus(StatusParked)
	if !strings.Contains(s.state.Error, text) {
		s.t.Errorf("the instance is parked with %q, expected %q", s.state.Error, text)
	}
	return s
}

// ThenState expects this state of the process, a value of its type S.
func (s *ProcessScenario) ThenState(want any) *ProcessScenario {
	s.t.Helper()
	if d := difference(string(encode(s.t, want)), string(s.state.State)); d != "" {
		s.t.Errorf("the state differs (- expected, + got):\n%s", d)
	}
	return s
}

// Instance returns the instance.
func (s *ProcessScenario) Instance() Instance { return instanceOf(&s.state) }
