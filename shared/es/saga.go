package es

import (
	"fmt"
	"reflect"
	"time"
)

// Saga is a process for the common case: steps, one after the other, each of which does something that can be undone.
// Where a step fails, or does not answer in time, what has succeeded before is undone, in reverse order, and the instance
// fails with the reason.
//
//	var Fulfilment = es.Saga[fulfilment]{
//		Name:  "fulfilment",
//		Start: es.StartSaga(es.StreamID, newFulfilment),
//		Steps: []es.SagaStep[fulfilment]{
//			{Name: "reserve", Do: fulfilment.reserve, Timeout: time.Minute},
//			{Name: "pay", Do: fulfilment.pay, Timeout: time.Minute},
//		},
//	}
//
// A step that failed is not undone. Of one that timed out nobody knows yet whether it has worked: where it turns out that
// it has, it is undone too. The instance ends when the outcome of every command is known. A compensation must not be
// rejected: where it is, the instance is parked, and a retry sends it again.
type Saga[S any] struct {
	Name  string
	Start SagaStart[S]
	Steps []SagaStep[S]
	// Completed and Failed are what is sent at the end, nothing where they are nil. The instance ends when all of it is
	// accepted.
	Completed func(s S) []Effect
	Failed    func(s S, reason string) []Effect
	Snapshot  SnapshotPolicy
}

// SagaStart begins the instances of a saga; made by [StartSaga].
type SagaStart[S any] struct {
	event    reflect.Type
	instance func(e Event, m Meta) string
	begin    func(e Event, m Meta) S
}

// StartSaga begins an instance with an event. instance is as [Start] has it; begin is what the steps are told.
func StartSaga[S, E any](instance func(E, Meta) string, begin func(E, Meta) S) SagaStart[S] {
	return SagaStart[S]{
		event:    reflect.TypeFor[E](),
		instance: func(e Event, m Meta) string { return instance(e.(E), m) },
		begin:    func(e Event, m Meta) S { return begin(e.(E), m) },
	}
}

// SagaStep is one step of a saga.
type SagaStep[S any] struct {
	Name string // for people, and in the reason where it fails
	// Do is what the step does. Several actions are done side by side: the step has succeeded when all of them have. A step
	// without any is passed over.
	Do func(s S) []SagaAction
	// Timeout is how long the step may take, with all its retries; 0 is for ever.
	Timeout time.Duration
	// Retry says how often, and after which pauses, an action is tried again that was rejected with one of the codes of
	// RetryOn. The pauses have no jitter here.
	Retry   RetryPolicy
	RetryOn []string
}

// SagaAction is a command that a step sends, and the one that undoes what it has done.
type SagaAction struct{ do, undo Effect }

// Do is an action that sends a command; made with [Send] or [SendNamed].
func Do(send Effect) SagaAction { return SagaAction{do: send} }

// UndoneBy says which command undoes the action; without it, nothing needs to be undone.
func (a SagaAction) UndoneBy(send Effect) SagaAction {
	a.undo = send
	return a
}

// sagaState is what an instance of a saga records.
type sagaState[S any] struct {
	Data    S            `json:"data"`
	Begun   bool         `json:"begun"`
	Step    int          `json:"step"`
	Back    string       `json:"back,omitempty"` // why what was done is undone
	Actions []sagaRecord `json:"actions,omitempty"`
}

// sagaRecord is an action, as it stands.
type sagaRecord struct {
	Step     int          `json:"step"` // len(Steps) is the end
	Do       SentCommand  `json:"do"`
	Undo     *SentCommand `json:"undo,omitempty"`
	Is       sagaProgress `json:"is"`
	Attempts int          `json:"attempts"`
}

type sagaProgress string

const (
	sagaSent    sagaProgress = "sent" // nobody knows yet what becomes of it
	sagaPausing sagaProgress = "pausing"
	sagaDone    sagaProgress = "done"
	sagaFailed  sagaProgress = "failed"
	sagaUndoing sagaProgress = "undoing"
	sagaUndone  sagaProgress = "undone"
)

func (g Saga[S]) compileProcess(module string, r *Registry, typed map[reflect.Type]*EventType) (*ProcessType, error) {
	if g.Start.event == nil || len(g.Steps) == 0 {
		return nil, fmt.Errorf("process %q: a saga needs a start, made by es.StartSaga, and steps", g.Name)
	}
	for i, step := range g.Steps {
		if step.Name == "" || step.Do == nil || step.Timeout < 0 {
			return nil, fmt.Errorf("process %q: step %d needs a name and something to do, and no negative timeout", g.Name, i+1)
		}
		if err := step.Retry.withDefaults().check(); err != nil {
			return nil, fmt.Errorf("process %q, step %q: %w", g.Name, step.Name, err)
		}
	}
	run := func(s sagaState[S], do func(*sagaRun[S])) (sagaState[S], []Effect) {
		x := sagaRun[S]{saga: &g, registry: r, state: s}
		do(&x)
		return x.state, x.effects
	}
	p := Process[sagaState[S]]{
		Name: g.Name, Snapshot: g.Snapshot,
		On: Reactions[sagaState[S]]{
			{
				to: TriggeredByEvent, event: g.Start.event, starts: true, instance: g.Start.instance,
				react: func(s sagaState[S], o occurrence) (sagaState[S], []Effect) {
					return run(s, func(x *sagaRun[S]) { x.begin(o) })
				},
			},
			{
				to: TriggeredByOutcome, every: true,
				react: func(s sagaState[S], o occurrence) (sagaState[S], []Effect) {
					return run(s, func(x *sagaRun[S]) { x.answered(o) })
				},
			},
			{
				to: TriggeredByDeadline, every: true,
				react: func(s sagaState[S], o occurrence) (sagaState[S], []Effect) {
					return run(s, func(x *sagaRun[S]) { x.passed(o.deadline) })
				},
			},
		},
		Cancelled: func(s sagaState[S], reason string, _ Meta) (sagaState[S], []Effect) {
			return run(s, func(x *sagaRun[S]) { x.turnBack(reason) })
		},
	}
	return p.compileProcess(module, r, typed)
}
