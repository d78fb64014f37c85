package processes

import "orchestrix/shared/core"

// ReactCommand is the command that hands a trigger to an instance. check may be nil.
func React(p *core.ProcessType, instance core.Stream, t Trigger, check CommandCheck) core.InternalCommand {
	return core.InternalCommand{Type: p.React, ID: t.CommandID(), Payload: reactCommand{instance: instance, trigger: t, check: check}}
}

// LoseCommand is the command that parks an event whose instance can't be found, in an instance of its own. Retried, it goes to
// the instance that it is for.
func Lose(p *core.ProcessType, tenant string, t Trigger) (core.Stream, core.InternalCommand) {
	s := core.Stream{Tenant: tenant, Category: p.Aggregate.Category, ID: "lost-" + derivedID(t.ID)}
	return s, core.InternalCommand{Type: p.React, ID: t.CommandID(), Payload: reactCommand{instance: s, trigger: t, lost: true}}
}

// ParkCommand is the command that parks an instance which could not record its reaction to a trigger.
func Park(p *core.ProcessType, instance core.Stream, t Trigger, reason error) core.InternalCommand {
	return core.InternalCommand{Type: p.React, ID: t.CommandID(), Payload: reactCommand{instance: instance, trigger: t, failed: reason}}
}

// RetryCommand is the command that makes a parked instance go on, with as much of what waits as most says. It is rejected with the
// codes "no-instance" and "not-parked".
func Retry(p *core.ProcessType, instance core.Stream, id string, by core.Action, most int, check CommandCheck) core.InternalCommand {
	return core.InternalCommand{Type: p.Retry, ID: id, Payload: personCommand{instance, id, by, most, check}}
}

// EndCommand is the command that ends an instance early. It is rejected with the codes "no-instance" and "ended".
func End(p *core.ProcessType, instance core.Stream, id string, by core.Action, check CommandCheck) core.InternalCommand {
	return core.InternalCommand{Type: p.Cancel, ID: id, Payload: personCommand{instance, id, by, MaxDrain, check}}
}

type reactCommand struct {
	instance core.Stream
	trigger  Trigger
	check    CommandCheck
	lost     bool  // the instance is none of the process's own
	failed   error // why the reaction can't be recorded
}

type personCommand struct {
	instance core.Stream
	id       string
	by       core.Action
	most     int // of what waits
	check    CommandCheck
}
