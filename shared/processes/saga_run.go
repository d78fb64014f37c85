package processes

import (
	"fmt"
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// The deadlines of a saga.
const (
	sagaTimeout = "step"
	sagaAgain   = "again-" // and the index of the action
)

// The tags of a saga's commands, with the index of the action.
const (
	tagDo   = "do %d"
	tagUndo = "undo %d"
)

// sagaRun is one reaction of a saga.
type sagaRun struct {
	saga     *SagaDefinition
	registry *core.Registry
	state    sagaState[any]
	effects  []Effect
	timedOut bool // in this reaction
}

func (x *sagaRun) addEffect(e Effect) { x.effects = append(x.effects, e) }

// end returns the index of the end: one after the last step.
func (x *sagaRun) end() int { return len(x.saga.Steps) }

func (x *sagaRun) begin(o Occurrence) {
	if x.state.Begun {
		return // a second start event of the same instance
	}
	x.state.Begun, x.state.Data = true, x.saga.Begin(o.Event, o.Meta)
	x.startStep(0)
}

// startStep sends the actions of a step, skipping steps without any, or finishes after the last.
func (x *sagaRun) startStep(step int) {
	for ; step < x.end(); step++ {
		x.state.Step = step
		actions := x.saga.Steps[step].Do(x.state.Data)
		if len(actions) == 0 {
			continue
		}
		x.addEffect(Effect{Kind: StepEffect, Name: x.saga.Steps[step].Name})
		for _, a := range actions {
			x.sendAction(step, a)
		}
		if timeout := x.saga.Steps[step].Timeout; timeout > 0 {
			x.addEffect(Effect{Kind: ScheduleEffect, Name: sagaTimeout, After: timeout})
		}
		return
	}
	x.finish()
}

func (x *sagaRun) sendAction(step int, a SagaAction) {
	record := sagaRecord{Step: step, Do: x.resolve(a.Do), Is: sagaSent, Attempts: 1}
	if a.Undo.Kind != 0 {
		undo := x.resolve(a.Undo)
		record.Undo = &undo
	}
	x.state.Actions = append(x.state.Actions, record)
	x.sendCommand(len(x.state.Actions)-1, tagDo, record.Do)
}

// resolve encodes a command. The command that undoes an action is recorded with the action, so that a later version of the
// program does not change it. A command that can't be sent parks the instance.
func (x *sagaRun) resolve(e Effect) SentCommand {
	if e.Kind != SendEffect {
		panic("an action of a saga is made with es.Send or es.SendNamed")
	}
	sent, err := resolveSend(x.registry, e, nil)
	if err != nil {
		panic(err)
	}
	return sent
}

func (x *sagaRun) sendCommand(i int, tag string, c SentCommand) {
	x.addEffect(Effect{Kind: SendEffect, To: c.To, Command: c.Body, Category: c.Category, Name: c.Name, Tag: fmt.Sprintf(tag, i)})
}

// answered handles the result of an action, or of a compensation.
func (x *sagaRun) answered(o Occurrence) {
	var i int
	if _, err := fmt.Sscanf(o.Result.Tag, tagUndo, &i); err == nil {
		x.undone(x.action(i), i, o)
		return
	}
	if _, err := fmt.Sscanf(o.Result.Tag, tagDo, &i); err != nil {
		panic(fmt.Sprintf("no action has the tag %q", o.Result.Tag))
	}
	a := x.action(i)
	switch {
	case a.Step == x.end():
		x.endAnswered(a, i, o)
	case o.Result.Accepted:
		a.Is = sagaDone
		x.succeeded()
	case x.state.Back == "" && x.retries(a, i, o.Result.Code):
	default:
		a.Is = sagaFailed
		x.compensate(fmt.Sprintf("%s: %s", x.saga.Steps[a.Step].Name, o.Result.Code))
	}
}

func (x *sagaRun) action(i int) *sagaRecord {
	if i < 0 || i >= len(x.state.Actions) {
		panic(fmt.Sprintf("there is no action %d", i))
	}
	return &x.state.Actions[i]
}

// succeeded starts the next step when all actions of the current one have succeeded.
func (x *sagaRun) succeeded() {
	if x.state.Back != "" {
		x.undoNext()
		return
	}
	if x.any(func(a *sagaRecord) bool { return a.Step == x.state.Step && a.Is != sagaDone }) {
		return
	}
	x.stopClock()
	x.startStep(x.state.Step + 1)
}

func (x *sagaRun) any(is func(*sagaRecord) bool) bool {
	return slices.ContainsFunc(x.state.Actions, func(a sagaRecord) bool { return is(&a) })
}

func (x *sagaRun) stopClock() {
	if x.state.Step < x.end() && x.saga.Steps[x.state.Step].Timeout > 0 && !x.timedOut {
		x.addEffect(Effect{Kind: CancelEffect, Name: sagaTimeout})
	}
}

// retries reports whether a rejected action is retried, and sets the deadline of its pause.
func (x *sagaRun) retries(a *sagaRecord, i int, code string) bool {
	step := &x.saga.Steps[a.Step]
	policy := step.Retry.WithDefaults()
	if !slices.Contains(step.RetryOn, code) || policy.Limit > 0 && a.Attempts >= policy.Limit {
		return false
	}
	a.Is = sagaPausing
	x.addEffect(Effect{Kind: ScheduleEffect, Name: fmt.Sprint(sagaAgain, i), After: policy.SteadyPause(a.Attempts)})
	return true
}

// passed handles a deadline.
func (x *sagaRun) passed(o Occurrence) {
	name := o.Deadline
	var i int
	if name == sagaTimeout {
		step := &x.saga.Steps[x.state.Step]
		x.timedOut = true
		x.compensate(fmt.Sprintf("%s: no answer within %s", step.Name, step.Timeout))
		return
	}
	if _, err := fmt.Sscanf(name, sagaAgain+"%d", &i); err != nil {
		panic(fmt.Sprintf("a saga sets no deadline %q", name))
	}
	if a := x.action(i); a.Is == sagaPausing {
		a.Is = sagaSent
		a.Attempts++
		x.sendCommand(i, tagDo, a.Do)
	}
}

// compensate begins to undo the steps that have succeeded.
func (x *sagaRun) compensate(reason string) {
	if x.state.Back == "" && x.any(func(a *sagaRecord) bool { return a.Step == x.end() }) {
		return // all steps have succeeded
	}
	if x.state.Back == "" {
		x.state.Back = reason
		x.addEffect(Effect{Kind: CompensateEffect, Reason: reason})
		x.stopClock()
		for i := range x.state.Actions {
			if a := &x.state.Actions[i]; a.Is == sagaPausing {
				a.Is = sagaFailed
				x.addEffect(Effect{Kind: CancelEffect, Name: fmt.Sprint(sagaAgain, i)})
			}
		}
	}
	x.undoNext()
}

// undoNext undoes the last step with a succeeded action. It ends the instance where there is none and all results are known.
func (x *sagaRun) undoNext() {
	for !x.any(func(a *sagaRecord) bool { return a.Is == sagaUndoing }) {
		last := -1
		for _, a := range x.state.Actions {
			if a.Is == sagaDone && a.Step < x.end() {
				last = max(last, a.Step)
			}
		}
		if last < 0 {
			if !x.any(func(a *sagaRecord) bool { return a.Is == sagaSent || a.Step == x.end() }) {
				x.finish()
			}
			return
		}
		x.undoStep(last)
	}
}

func (x *sagaRun) undoStep(step int) {
	for i := len(x.state.Actions) - 1; i >= 0; i-- {
		a := &x.state.Actions[i]
		switch {
		case a.Step != step || a.Is != sagaDone:
		case a.Undo == nil:
			a.Is = sagaUndone
		default:
			a.Is = sagaUndoing
			x.sendCommand(i, tagUndo, *a.Undo)
		}
	}
}

// undone handles the result of a compensation.
func (x *sagaRun) undone(a *sagaRecord, i int, o Occurrence) {
	switch {
	case o.Result.Accepted:
		a.Is = sagaUndone
		x.undoNext()
	case o.Again:
		x.sendCommand(i, tagUndo, *a.Undo)
	default:
		panic(fmt.Sprintf("the compensation of step %q was rejected: %s: %s", x.saga.Steps[a.Step].Name, o.Result.Code, o.Result.Message))
	}
}

// finish sends the commands of the end, and ends the instance where there are none.
func (x *sagaRun) finish() {
	x.state.Step = x.end()
	var effects []Effect
	if x.state.Back == "" && x.saga.Completed != nil {
		effects = x.saga.Completed(x.state.Data)
	}
	if x.state.Back != "" && x.saga.Failed != nil {
		effects = x.saga.Failed(x.state.Data, x.state.Back)
	}
	for _, e := range effects {
		x.sendAction(x.end(), SagaAction{Do: e})
	}
	if len(effects) == 0 {
		x.close()
	}
}

// endAnswered handles the result of a command that was sent at the end.
func (x *sagaRun) endAnswered(a *sagaRecord, i int, o Occurrence) {
	switch {
	case o.Result.Accepted:
		a.Is = sagaDone
		if !x.any(func(a *sagaRecord) bool { return a.Step == x.end() && a.Is == sagaSent }) {
			x.close()
		}
	case o.Again:
		x.sendCommand(i, tagDo, a.Do)
	default:
		panic(fmt.Sprintf("command %q, sent at the end, was rejected: %s: %s", a.Do.Name, o.Result.Code, o.Result.Message))
	}
}

// close ends the instance.
func (x *sagaRun) close() {
	if x.state.Back == "" {
		x.addEffect(Effect{Kind: CompleteEffect})
	} else {
		x.addEffect(Effect{Kind: FailEffect, Reason: x.state.Back})
	}
}
