package processes

import "github.com/orchestrix-go/orchestrix/shared/core"

// ReactCommand returns the command that delivers a trigger to an instance. check may be nil.
func ReactCommand(p *core.ProcessType, instance core.Stream, t Trigger, check CommandCheck) core.InternalCommand {
	return core.InternalCommand{Type: p.React, ID: t.CommandID(), Payload: reactCommand{instance: instance, trigger: t, check: check}}
}

// ReactToResultCommand is [ReactCommand] for the trigger of a result that names its command: by the stream, as "order-10248", and by
// the name. The instance ignores it where the instance has sent another command under this id.
func ReactToResultCommand(p *core.ProcessType, instance core.Stream, stream, name string, t Trigger, check CommandCheck) core.InternalCommand {
	of := &resultOf{stream: stream, name: name}
	return core.InternalCommand{Type: p.React, ID: t.CommandID(), Payload: reactCommand{instance: instance, trigger: t, of: of, check: check}}
}

// ParkLostCommand returns the command that parks an event whose instance function fails, in a separate instance. A retry
// forwards the event to its instance.
func ParkLostCommand(p *core.ProcessType, tenant string, t Trigger) (core.Stream, core.InternalCommand) {
	s := core.Stream{Tenant: tenant, Category: p.Aggregate.Category, ID: "lost-" + derivedID(t.ID)}
	return s, core.InternalCommand{Type: p.React, ID: t.CommandID(), Payload: reactCommand{instance: s, trigger: t, lost: true}}
}

// ParkCommand returns the command that parks an instance because its reaction to a trigger can't be recorded.
func ParkCommand(p *core.ProcessType, instance core.Stream, t Trigger, reason error) core.InternalCommand {
	return core.InternalCommand{Type: p.React, ID: t.CommandID(), Payload: reactCommand{instance: instance, trigger: t, failed: reason}}
}

// RetryCommand returns the command that resumes a parked instance with at most limit of its queued triggers. It is rejected
// with the codes "no-instance" and "not-parked".
func RetryCommand(p *core.ProcessType, instance core.Stream, id string, by core.Action, limit int, check CommandCheck) core.InternalCommand {
	return core.InternalCommand{Type: p.Retry, ID: id, Payload: operatorCommand{instance, id, by, limit, check}}
}

// CancelCommand returns the command that ends an instance early. It is rejected with the codes "no-instance" and "ended".
func CancelCommand(p *core.ProcessType, instance core.Stream, id string, by core.Action, check CommandCheck) core.InternalCommand {
	return core.InternalCommand{Type: p.Cancel, ID: id, Payload: operatorCommand{instance, id, by, MaxDrain, check}}
}

// reactCommand is the payload of [ReactCommand], [ParkLostCommand] and [ParkCommand].
type reactCommand struct {
	instance core.Stream
	trigger  Trigger
	of       *resultOf // the command of a result; nil if it is not known
	check    CommandCheck
	lost     bool  // the instance is a separate one, only for this event
	failed   error // why the reaction can't be recorded
}

// resultOf names the command of a result.
type resultOf struct{ stream, name string }

// isForeign reports whether the trigger is the result of another command than the one that the instance has sent under its id.
func (c *reactCommand) isForeign(p *Instance) bool {
	if c.of == nil {
		return false
	}
	sent, _ := p.sent(c.trigger.Result.CommandID)
	return *c.of != resultOf{stream: core.Stream{Category: sent.Category, ID: sent.To}.String(), name: sent.Name}
}

// operatorCommand is the payload of [RetryCommand] and [CancelCommand].
type operatorCommand struct {
	instance core.Stream
	id       string
	by       core.Action
	limit    int // of queued triggers
	check    CommandCheck
}
