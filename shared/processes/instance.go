package processes

import (
	"encoding/json"
	"orchestrix/shared/core"
	"slices"
)

// ProcessStatus is how a process instance stands.
type Status string

// The statuses of a process instance.
const (
	StatusRunning      Status = "running"
	StatusCompensating Status = "compensating" // it undoes what it has done
	StatusParked       Status = "parked"       // it could not react; what comes waits until a person retries or cancels it
	StatusCompleted    Status = "completed"
	StatusFailed       Status = "failed"
	StatusCancelled    Status = "cancelled"
)

// Ended reports whether the instance has come to its end.
func (s Status) Ended() bool {
	return s == StatusCompleted || s == StatusFailed || s == StatusCancelled
}

// ProcessInstance is the state of a process instance's stream.
type Instance struct {
	Status Status `json:"status"`
	Step   string `json:"step,omitempty"`
	Reason string `json:"reason,omitempty"` // why it compensates, has failed, or was cancelled
	Error  string `json:"error,omitempty"`  // why it is parked

	Schema int             `json:"state_schema,omitempty"` // of State; 0: none is recorded yet
	State  json.RawMessage `json:"state,omitempty"`        // the process's own

	Sent      []SentCommand `json:"sent,omitempty"`      // commands whose result is not known, oldest first
	Deadlines []SetDeadline `json:"deadlines,omitempty"` // pending
	Inbox     []Trigger     `json:"inbox,omitempty"`     // what waits while it is parked, in order; it failed on the first
	// Sources are the streams whose events it has taken, and up to where; the last one to come is the last.
	Sources []Source `json:"sources,omitempty"`

	// Lost says that the instance holds nothing but an event whose instance could not be found.
	Lost bool `json:"lost,omitempty"`

	Resume Status `json:"resume,omitempty"` // the status that it goes on with when it is parked no more
}

// ProcessSource says up to where an instance has taken the events of a stream.
type Source struct {
	Category string       `json:"category"`
	Stream   string       `json:"stream"`
	Version  core.Version `json:"version"`
}

const (
	// MaxProcessSources is how many streams an instance remembers. An event that comes once more when that many others
	// have come since would be taken for a new one: whoever follows a log moves its checkpoint before.
	MaxSources = 1024
	// MaxProcessInbox is how many triggers wait for a parked instance, at most.
	MaxInbox = 10_000
)

// knows reports whether the trigger has been taken before, or was never for this instance.
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

// ProcessReacted says that an instance has reacted to a trigger: its state then, and what it wants done. Nothing of that
// is done before this is written down.
type Reacted struct {
	Trigger      Trigger         `json:"trigger"`
	Schema       int             `json:"state_schema"`
	State        json.RawMessage `json:"state"`
	Step         string          `json:"step,omitempty"`         // where it has moved to another
	Compensating string          `json:"compensating,omitempty"` // why, where it begins to
	Send         []SentCommand   `json:"send,omitempty"`
	Set          []SetDeadline   `json:"set,omitempty"`
	Cancel       []SetDeadline   `json:"cancel,omitempty"`
}

// ProcessParked says that an instance could not react to a trigger: it waits for a person.
type Parked struct {
	Trigger Trigger `json:"trigger"`
	Error   string  `json:"error"`
	Lost    bool    `json:"lost,omitempty"` // the trigger's instance could not be found: this is one of its own
}

// TriggerHeld says that a trigger waits, since the instance is parked.
type TriggerHeld struct {
	Trigger Trigger `json:"trigger"`
}

// TriggerDropped says that a trigger that waited is left out, since the instance has ended, or was told to.
type TriggerDropped struct {
	Trigger Trigger `json:"trigger"`
}

// TriggerForwarded says that an event goes to the instance that it is for, which was not found at first.
type TriggerForwarded struct {
	Trigger Trigger `json:"trigger"`
	To      string  `json:"to"` // id of the instance
}

// ProcessRetried says that a person has made a parked instance go on.
type Retried struct {
	Who    string `json:"who"`
	Reason string `json:"reason,omitempty"`
}

// ProcessCompleted says that an instance has done what it was for.
type Completed struct {
	Cancel []SetDeadline `json:"cancel,omitempty"`
}

// ProcessFailed says that an instance could not do what it was for, and has undone what it had to.
type Failed struct {
	Reason string        `json:"reason"`
	Cancel []SetDeadline `json:"cancel,omitempty"`
}

// ProcessCancelled says that a person has ended an instance.
type Cancelled struct {
	Who    string        `json:"who"`
	Reason string        `json:"reason,omitempty"`
	Cancel []SetDeadline `json:"cancel,omitempty"`
}

// processEvents are how the state of an instance follows from what it has recorded.
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

// took removes what a trigger was about: it does not come again.
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
