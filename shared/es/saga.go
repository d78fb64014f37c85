package es

import (
	"reflect"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/processes"
)

// Saga defines a process for the common case: a sequence of steps that can be undone. Where a step fails or times out, the
// steps before it are undone in reverse order, and the instance fails with the reason.
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
// A failed step is not undone. The command of a step that timed out may still be accepted; it is then undone too. The instance
// ends when the result of each command is known. A compensation must not be rejected: a rejection parks the instance, and a
// retry sends the compensation again.
type Saga[S any] struct {
	Name  string
	Start SagaStart[S]
	Steps []SagaStep[S]
	// Completed and Failed return the commands that are sent at the end; nil sends none. The instance ends when all of
	// them are accepted.
	Completed func(s S) []Effect
	Failed    func(s S, reason string) []Effect
	Snapshot  SnapshotPolicy
}

// SagaStart begins the instances of a saga. Made by [StartSaga].
type SagaStart[S any] struct {
	event    reflect.Type
	instance func(e Event, m Meta) string
	begin    func(e Event, m Meta) S
}

// StartSaga begins an instance with an event. instance is that of [Start]; begin returns the data for the steps.
func StartSaga[S, E any](instance func(E, Meta) string, begin func(E, Meta) S) SagaStart[S] {
	return SagaStart[S]{
		event:    reflect.TypeFor[E](),
		instance: func(e Event, m Meta) string { return instance(e.(E), m) },
		begin:    func(e Event, m Meta) S { return begin(e.(E), m) },
	}
}

// SagaStep is one step of a saga.
type SagaStep[S any] struct {
	Name string // for operators, and in the reason of a failure
	// Do returns the actions of the step. They run concurrently, and the step has succeeded when all of them have. A step
	// without actions is skipped.
	Do func(s S) []SagaAction
	// Timeout limits the step, including its retries; 0 is no limit.
	Timeout time.Duration
	// Retry configures the retries of an action that was rejected with one of the codes of RetryOn. The pauses have no
	// random part.
	Retry   RetryPolicy
	RetryOn []string
}

// RetryPolicy configures the pauses between attempts and their number. Zero values are the defaults.
type RetryPolicy struct {
	Backoff Backoff       // [Exponential] where it is empty
	First   time.Duration // the pause after the first failure; 100 ms where it is 0
	Max     time.Duration // the longest pause; a minute where it is 0
	Limit   int           // attempts in all; 0 is no limit
}

// Do returns an action that sends a command, made with [Send] or [SendNamed].
func Do(send Effect) SagaAction { return SagaAction{Do: send} }

func (g Saga[S]) compileProcess(module string, r *core.Registry) (*core.ProcessType, error) {
	d := processes.SagaDefinition{
		Module: module, Name: g.Name, Snapshot: g.Snapshot,
		Event: g.Start.event, Instance: g.Start.instance, State: processes.SagaStateCodec[S](), Initial: *new(S),
		Begin: func(e Event, m Meta) any { return g.Start.begin(e, m) },
	}
	for _, step := range g.Steps {
		definition := processes.SagaStep{Name: step.Name, Timeout: step.Timeout, Retry: core.RetryPolicy(step.Retry), RetryOn: step.RetryOn}
		if step.Do != nil {
			definition.Do = func(data any) []SagaAction { return step.Do(data.(S)) }
		}
		d.Steps = append(d.Steps, definition)
	}
	if g.Completed != nil {
		d.Completed = func(data any) []Effect { return g.Completed(data.(S)) }
	}
	if g.Failed != nil {
		d.Failed = func(data any, reason string) []Effect { return g.Failed(data.(S), reason) }
	}
	return d.Compile(r)
}
