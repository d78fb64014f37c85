package processes

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"orchestrix/shared/core"
	"strings"
	"time"
)

// TriggerKind says what kind of thing a process instance reacts to.
type TriggerKind string

// What a process instance reacts to.
const (
	TriggeredByEvent    TriggerKind = "event"
	TriggeredByResult   TriggerKind = "outcome"
	TriggeredByDeadline TriggerKind = "deadline"
	TriggeredByCancel   TriggerKind = "cancel" // a person ends the instance early
)

// Trigger is something that a process instance reacts to, or would have to.
type Trigger struct {
	Kind TriggerKind `json:"kind"`
	// ID tells the trigger from every other of the instance, however often it comes.
	ID   string    `json:"id"`
	Time time.Time `json:"time"` // when it happened

	Event    *TriggerEvent       `json:"event,omitempty"`
	Result   *core.CommandResult `json:"outcome,omitempty"`
	Deadline *PassedDeadline     `json:"deadline,omitempty"`
	Reason   string              `json:"reason,omitempty"` // of a cancel
	// Again says that the trigger is tried once more, since a person has asked for it.
	Again bool `json:"again,omitempty"`
}

// TriggerEvent is an event that triggers a process instance.
type TriggerEvent struct {
	Category string          `json:"category"`
	Stream   string          `json:"stream"`  // id
	Version  core.Version    `json:"version"` // of the stream with this event
	Position core.Position   `json:"position"`
	Type     string          `json:"type"`
	Schema   int             `json:"schema"`
	Data     json.RawMessage `json:"data,omitempty"` // missing where it was handled, or too large: the log has it at its position
}

// PassedDeadline is a deadline that has passed.
type PassedDeadline struct {
	Name string `json:"name"`
	ID   string `json:"id"` // of the setting
}

// EventTrigger is the trigger that an event of a commit is, by its index.
func EventTrigger(c *core.Commit, index int) Trigger {
	recorded, version := c.Events[index], c.First()+core.Version(index)
	return Trigger{
		Kind: TriggeredByEvent, ID: fmt.Sprintf("event %s/%s/%d", c.Stream.Category, c.Stream.ID, version), Time: c.Time,
		Event: &TriggerEvent{
			Category: c.Stream.Category, Stream: c.Stream.ID, Version: version, Position: c.Position,
			Type: recorded.Type, Schema: recorded.Schema, Data: recorded.Data,
		},
	}
}

// ResultTrigger is the trigger that the result of a command is.
func ResultTrigger(o core.CommandResult) Trigger {
	return Trigger{Kind: TriggeredByResult, ID: "outcome " + o.CommandID, Time: o.Time.UTC(), Result: &o}
}

// DeadlineTrigger is the trigger of a deadline that has passed: its id, the name under which it was kept ([SetDeadline.Key]) and
// its time.
func DeadlineTrigger(id, name string, at time.Time) Trigger {
	if n := len(name) - deadlineKeyDigits - 1; n > 0 {
		name = name[:n] // see [SetDeadline.Key]
	}
	return Trigger{
		Kind: TriggeredByDeadline, ID: "deadline " + id, Time: at.UTC(), Deadline: &PassedDeadline{Name: name, ID: id},
	}
}

// CommandID is that of the command which hands the trigger to its instance: the same whenever it does.
func (t *Trigger) CommandID() string { return "trigger-" + derivedID(t.ID) }

// handled is the trigger as it is kept when it needs no second look.
func (t Trigger) handled() Trigger { return t.WithoutData() }

// WithoutData is the trigger without the data of its event, where there is no room for that: it can't be tried again.
func (t Trigger) WithoutData() Trigger {
	if t.Event != nil {
		event := *t.Event
		event.Data = nil
		t.Event = &event
	}
	return t
}

// meta is what reactions are told of the trigger.
func (t *Trigger) meta(instance core.Stream) core.Meta {
	m := core.Meta{Key: instance.ID, Stream: instance, Time: t.Time}
	if e := t.Event; e != nil {
		m.Stream = core.Stream{Tenant: instance.Tenant, Category: e.Category, ID: e.Stream}
		m.Version, m.Position = e.Version, e.Position
	}
	return m
}

// derivedID is an id of 32 characters that follows from its parts.
func derivedID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// effectID derives the id of the effect at an index of what an instance does about a trigger.
func effectID(instance core.Stream, t *Trigger, index int) string {
	return derivedID(instance.Path(), t.ID, fmt.Sprint(index))
}
