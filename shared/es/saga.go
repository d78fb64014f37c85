package es

import (
	"orchestrix/shared/core"
	"orchestrix/shared/processes"
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
// it has, it is undone too. The instance ends when the result of every command is known. A compensation must not be
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

// Do is an action that sends a command; made with [Send] or [SendNamed].
func Do(send Effect) SagaAction { return SagaAction{Do: send} }

func (g Saga[S]) compileProcess(module string, r *Registry) (*core.ProcessType, error) {
	d := processes.SagaDefinition{
		Module: module, Name: g.Name, Snapshot: g.Snapshot,
		Event: g.Start.event, Instance: g.Start.instance, State: processes.SagaStateCodec[S](), Initial: *new(S),
		Begin: func(e Event, m Meta) any { return g.Start.begin(e, m) },
	}
	for _, step := range g.Steps {
		definition := processes.SagaStep{Name: step.Name, Timeout: step.Timeout, Retry: step.Retry, RetryOn: step.RetryOn}
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
