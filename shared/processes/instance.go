package processes

import (
	"encoding/json"
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Status is the status of a process instance.
type Status string

// The statuses of a process instance.
const (
	StatusRunning      Status = "running"
	StatusCompensating Status = "compensating" // it undoes its steps
	StatusParked       Status = "parked"       // its reaction failed; triggers queue until an operator retries or cancels it
	StatusCompleted    Status = "completed"
	StatusFailed       Status = "failed"
	StatusCancelled    Status = "cancelled"
)

// Ended reports whether the status is final.
func (s Status) Ended() bool {
	return s == StatusCompleted || s == StatusFailed || s == StatusCancelled
}

// Instance is the state of a process instance's stream.
type Instance struct {
	Status Status `json:"status"`
	Step   string `json:"step,omitempty"`
	Reason string `json:"reason,omitempty"` // why it compensates, failed or was cancelled
	Error  string `json:"error,omitempty"`  // why it is parked

	Schema int             `json:"state_schema,omitempty"` // of State; 0 where none is recorded
	State  json.RawMessage `json:"state,omitempty"`        // the process's own

	Sent      []SentCommand `json:"sent,omitempty"`      // commands without a result, oldest first
	Deadlines []SetDeadline `json:"deadlines,omitempty"` // pending
	Inbox     []Trigger     `json:"inbox,omitempty"`     // queued triggers of a parked instance, in order; the reaction to the first failed
	// Sources are the streams whose events the instance has received, with their versions; the most recent is last.
	Sources []Source `json:"sources,omitempty"`

	// Lost means that the instance exists only to hold an event whose instance function failed.
	Lost bool `json:"lost,omitempty"`

	Resume Status `json:"resume,omitempty"` // the status after a retry of a parked instance
}

// Source is a stream and the version of the last event that an instance received from it.
type Source struct {
	Category string       `json:"category"`
	Stream   string       `json:"stream"`
	Version  core.Version `json:"version"`
}

const (
	// MaxSources is the number of streams that an instance remembers. An event that is delivered again after events of so
	// many other streams would be taken for a new one; a follower moves its checkpoint long before.
	MaxSources = 1024
	// maxInbox is the maximum number of queued triggers of a parked instance.
	maxInbox = 10_000
)

// knows reports whether the trigger was handled before, or does not belong to this instance.
func (p *Instance) knows(t *Trigger) bool {
	switch t.Kind {
	case TriggeredByEvent:
		for _, s := range p.Sources {
			if s.Category == t.Event.Category && s.Stream == t.Event.Stream {
				return t.Event.Version <= s.Version
			}
		}
		return false
	case TriggeredByResult:
		_, waits := p.sent(t.Result.CommandID)
		return !waits || p.holds(t)
	case TriggeredByDeadline:
		return p.holds(t) || !slices.ContainsFunc(p.Deadlines, func(d SetDeadline) bool { return d.ID == t.Deadline.ID })
	}
	return false
}

func (p *Instance) holds(t *Trigger) bool {
	return slices.ContainsFunc(p.Inbox, func(held Trigger) bool { return held.ID == t.ID })
}

func (p *Instance) sent(id string) (SentCommand, bool) {
	i := slices.IndexFunc(p.Sent, func(c SentCommand) bool { return c.ID == id })
	if i < 0 {
		return SentCommand{}, false
	}
	return p.Sent[i], true
}

// Reacted means that an instance has reacted to a trigger. It holds the next state and the effects, which are executed only after the
// event is recorded.
type Reacted struct {
	Trigger      Trigger         `json:"trigger"`
	Schema       int             `json:"state_schema"`
	State        json.RawMessage `json:"state"`
	Step         string          `json:"step,omitempty"`         // where the step changes
	Compensating string          `json:"compensating,omitempty"` // reason, where the instance begins to compensate
	Send         []SentCommand   `json:"send,omitempty"`
	Set          []SetDeadline   `json:"set,omitempty"`
	Cancel       []SetDeadline   `json:"cancel,omitempty"`
}

// Parked means that the reaction to a trigger failed. The instance waits for an operator.
type Parked struct {
	Trigger Trigger `json:"trigger"`
	Error   string  `json:"error"`
	Lost    bool    `json:"lost,omitempty"` // the trigger's instance function failed: this instance only holds the trigger
}

// TriggerHeld means that a trigger is queued, because the instance is parked.
type TriggerHeld struct {
	Trigger Trigger `json:"trigger"`
}

// TriggerDropped means that a queued trigger is skipped, because the instance has ended or is being ended.
type TriggerDropped struct {
	Trigger Trigger `json:"trigger"`
}

// TriggerForwarded means that a lost event is sent to its instance.
type TriggerForwarded struct {
	Trigger Trigger `json:"trigger"`
	To      string  `json:"to"` // id of the instance
}

// Retried means that an operator has resumed a parked instance.
type Retried struct {
	Who    string `json:"who"`
	Reason string `json:"reason,omitempty"`
}

// Completed means that an instance has reached its goal.
type Completed struct {
	Cancel []SetDeadline `json:"cancel,omitempty"`
}

// Failed means that an instance has not reached its goal, and has undone its steps.
type Failed struct {
	Reason string        `json:"reason"`
	Cancel []SetDeadline `json:"cancel,omitempty"`
}

// Cancelled means that an operator has ended an instance.
type Cancelled struct {
	Who    string        `json:"who"`
	Reason string        `json:"reason,omitempty"`
	Cancel []SetDeadline `json:"cancel,omitempty"`
}

// instanceEvents returns the events of an instance with their evolve functions.
func instanceEvents() []core.EventSpec {
	return []core.EventSpec{
		instanceEvent("Reacted", Instance.reacted),
		instanceEvent("Parked", Instance.parked),
		instanceEvent("Held", func(p Instance, e TriggerHeld) Instance { return p.held(e.Trigger) }),
		instanceEvent("Dropped", func(p Instance, e TriggerDropped) Instance { return p.took(&e.Trigger) }),
		instanceEvent("Forwarded", func(p Instance, e TriggerForwarded) Instance { return p.took(&e.Trigger) }),
		instanceEvent("Retried", func(p Instance, _ Retried) Instance { return p.resumed() }),
		instanceEvent("Completed", func(p Instance, _ Completed) Instance {
			return p.ended(StatusCompleted, p.Reason)
		}),
		instanceEvent("Failed", func(p Instance, e Failed) Instance { return p.ended(StatusFailed, e.Reason) }),
		instanceEvent("Cancelled", func(p Instance, e Cancelled) Instance {
			p.Inbox = nil
			return p.ended(StatusCancelled, e.Reason)
		}),
	}
}

func instanceEvent[E any](kind string, evolve func(Instance, E) Instance) core.EventSpec {
	return core.EventSpec{
		Codec:  core.NewEventCodec[E](kind),
		Evolve: func(state any, event core.Event) any { return evolve(state.(Instance), event.(E)) },
	}
}

func (p Instance) reacted(e Reacted) Instance {
	p = p.took(&e.Trigger)
	p.Schema, p.State = e.Schema, e.State
	switch {
	case p.Status.Ended():
	case e.Compensating != "":
		p.Status, p.Reason = StatusCompensating, e.Compensating
	case p.Status == "":
		p.Status = StatusRunning
	}
	if e.Step != "" {
		p.Step = e.Step
	}
	p.Sent = append(p.Sent[:len(p.Sent):len(p.Sent)], e.Send...)
	p.Deadlines = append(without(p.Deadlines, e.Cancel), e.Set...)
	return p
}

// took removes a handled trigger and the command or deadline that it belongs to.
func (p Instance) took(t *Trigger) Instance {
	p.Inbox = slices.DeleteFunc(slices.Clone(p.Inbox), func(held Trigger) bool { return held.ID == t.ID })
	switch t.Kind {
	case TriggeredByEvent:
		p.Sources = p.seen(t.Event)
	case TriggeredByResult:
		p.Sent = slices.DeleteFunc(slices.Clone(p.Sent), func(c SentCommand) bool { return c.ID == t.Result.CommandID })
	case TriggeredByDeadline:
		p.Deadlines = without(p.Deadlines, []SetDeadline{{ID: t.Deadline.ID}})
	}
	return p
}

func (p Instance) seen(e *TriggerEvent) []Source {
	kept := make([]Source, 0, len(p.Sources)+1)
	now := Source{Category: e.Category, Stream: e.Stream, Version: e.Version}
	for _, s := range p.Sources {
		if s.Category != e.Category || s.Stream != e.Stream {
			kept = append(kept, s)
		} else {
			now.Version = max(now.Version, s.Version)
		}
	}
	return append(kept[max(0, len(kept)+1-MaxSources):], now)
}

func without(deadlines, gone []SetDeadline) []SetDeadline {
	return slices.DeleteFunc(slices.Clone(deadlines), func(d SetDeadline) bool {
		return slices.ContainsFunc(gone, func(g SetDeadline) bool { return g.ID == d.ID })
	})
}

func (p Instance) held(t Trigger) Instance {
	if t.Kind == TriggeredByEvent {
		p.Sources = p.seen(t.Event)
	}
	p.Inbox = append(p.Inbox[:len(p.Inbox):len(p.Inbox)], t)
	return p
}

func (p Instance) parked(e Parked) Instance {
	if p.Resume = p.Status; p.Status == "" {
		p.Resume = StatusRunning
	}
	p.Status, p.Error, p.Lost = StatusParked, e.Error, p.Lost || e.Lost
	if p.holds(&e.Trigger) {
		return p
	}
	return p.held(e.Trigger)
}

func (p Instance) resumed() Instance {
	p.Status, p.Resume, p.Error = p.Resume, "", ""
	return p
}

func (p Instance) ended(status Status, reason string) Instance {
	p.Status, p.Reason, p.Deadlines, p.Error = status, reason, nil, ""
	return p
}
