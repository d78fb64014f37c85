package processes

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// SagaDefinition is a saga without its type parameter, made by es.Saga: a process whose steps can be undone.
type SagaDefinition struct {
	Module   string
	Name     string
	Event    reflect.Type // begins the instances
	Instance func(e core.Event, m core.Meta) string
	Begin    func(e core.Event, m core.Meta) any // the data of an instance
	Initial  any                                 // data of an instance before its first reaction
	State    core.EventCodec                     // made by [SagaStateCodec]
	Steps    []SagaStep
	// Completed and Failed return the commands that an instance sends at its end; nil sends none.
	Completed func(data any) []Effect
	Failed    func(data any, reason string) []Effect
	Snapshot  core.SnapshotPolicy
}

// SagaStep is one step of a saga.
type SagaStep struct {
	Name    string
	Do      func(data any) []SagaAction
	Timeout time.Duration // 0: none
	Retry   core.RetryPolicy
	RetryOn []string // codes of rejections
}

// SagaAction is a command of a step, and the command that undoes it.
type SagaAction struct{ Do, Undo Effect }

// UndoneBy returns the action with the command that undoes it. An action without one needs no compensation.
func (a SagaAction) UndoneBy(send Effect) SagaAction {
	a.Undo = send
	return a
}

// sagaState is the state of a saga's instance. Data is the author's.
type sagaState[D any] struct {
	Data    D            `json:"data"`
	Begun   bool         `json:"begun"`
	Step    int          `json:"step"`
	Back    string       `json:"back,omitempty"` // why the instance compensates
	Actions []sagaRecord `json:"actions,omitempty"`
}

// sagaRecord is an action with its progress.
type sagaRecord struct {
	Step     int          `json:"step"` // len(Steps) for the commands at the end
	Do       SentCommand  `json:"do"`
	Undo     *SentCommand `json:"undo,omitempty"`
	Is       sagaProgress `json:"is"`
	Attempts int          `json:"attempts"`
}

type sagaProgress string

const (
	sagaSent    sagaProgress = "sent" // its result is not known
	sagaPausing sagaProgress = "pausing"
	sagaDone    sagaProgress = "done"
	sagaFailed  sagaProgress = "failed"
	sagaUndoing sagaProgress = "undoing"
	sagaUndone  sagaProgress = "undone"
)

// SagaStateCodec returns the codec of the state of a saga's instances, for data of type S.
func SagaStateCodec[S any]() core.EventCodec {
	return core.NewStateCodec[sagaState[S]]().Then(func(state any) any {
		s := state.(sagaState[S])
		return sagaState[any]{Data: s.Data, Begun: s.Begun, Step: s.Step, Back: s.Back, Actions: s.Actions}
	})
}

// Compile checks the definition against the registry, which must hold all aggregates, and returns the saga as a process.
func (g SagaDefinition) Compile(r *core.Registry) (*core.ProcessType, error) {
	if err := g.check(); err != nil {
		return nil, fmt.Errorf("process %q: %w", g.Name, err)
	}
	react := func(do func(*sagaRun, Occurrence)) func(state any, o Occurrence) (any, []Effect) {
		return func(state any, o Occurrence) (any, []Effect) {
			x := sagaRun{saga: &g, registry: r, state: state.(sagaState[any])}
			do(&x, o)
			return x.state, x.effects
		}
	}
	p := Definition{
		Module: g.Module, Name: g.Name, Snapshot: g.Snapshot, State: g.State, Initial: sagaState[any]{Data: g.Initial},
		Reactions: []Reaction{
			{To: TriggeredByEvent, Event: g.Event, Starts: true, Instance: g.Instance, React: react((*sagaRun).begin)},
			{To: TriggeredByResult, Every: true, React: react((*sagaRun).answered)},
			{To: TriggeredByDeadline, Every: true, React: react((*sagaRun).passed)},
		},
		Cancelled: func(state any, reason string, _ core.Meta) (any, []Effect) {
			return react(func(x *sagaRun, o Occurrence) { x.compensate(o.Reason) })(state, Occurrence{Reason: reason})
		},
	}
	return p.Compile(r)
}

func (g *SagaDefinition) check() error {
	if g.Event == nil || len(g.Steps) == 0 {
		return errors.New("a saga needs a start, made by es.StartSaga, and steps")
	}
	for i, step := range g.Steps {
		if step.Name == "" || step.Do == nil || step.Timeout < 0 {
			return fmt.Errorf("step %d needs a name, a Do function, and a timeout that is not negative", i+1)
		}
		if err := step.Retry.WithDefaults().Check(); err != nil {
			return fmt.Errorf("step %q: %w", step.Name, err)
		}
	}
	return nil
}
