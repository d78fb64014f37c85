package processes

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// TriggerKind is the kind of a trigger. Its values are recorded.
type TriggerKind string

// The kinds of triggers.
const (
	TriggeredByEvent    TriggerKind = "event"
	TriggeredByResult   TriggerKind = "outcome"
	TriggeredByDeadline TriggerKind = "deadline"
	TriggeredByCancel   TriggerKind = "cancel" // an operator ends the instance early
)

// Trigger is an event, a result, a deadline or a cancellation that is delivered to a process instance.
type Trigger struct {
	Kind TriggerKind `json:"kind"`
	// ID is unique among the triggers of the instance, and the same in each delivery.
	ID   string    `json:"id"`
	Time time.Time `json:"time"` // when it happened

	Event    *TriggerEvent       `json:"event,omitempty"`
	Result   *core.CommandResult `json:"outcome,omitempty"`
	Deadline *PassedDeadline     `json:"deadline,omitempty"`
	Reason   string              `json:"reason,omitempty"` // of a cancel
	// Again: an operator retries the trigger.
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
	Data     json.RawMessage `json:"data,omitempty"` // empty after the reaction, and where it is too large: the log has it at Position
}

// PassedDeadline is a deadline that has passed.
type PassedDeadline struct {
	Name string `json:"name"`
	ID   string `json:"id"` // of the setting

	// Who and Reason are those of an operator who has fired it before its time; empty otherwise.
	Who    string `json:"who,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// EventTrigger returns the trigger of the event at an index of a commit.
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

// ResultTrigger returns the trigger of a command's result.
func ResultTrigger(result core.CommandResult) Trigger {
	return Trigger{Kind: TriggeredByResult, ID: "outcome " + result.CommandID, Time: result.Time.UTC(), Result: &result}
}

// DeadlineTrigger returns the trigger of a passed deadline, from its id, its name in the store ([SetDeadline.Key]) and its
// time.
func DeadlineTrigger(id, name string, at time.Time) Trigger {
	return Trigger{
		Kind: TriggeredByDeadline, ID: "deadline " + id, Time: at.UTC(), Deadline: &PassedDeadline{Name: DeadlineName(name), ID: id},
	}
}

// FiredTrigger returns the trigger of a deadline that an operator fires before its time. Its id is that of [DeadlineTrigger].
func FiredTrigger(d SetDeadline, by core.Action) Trigger {
	t := DeadlineTrigger(d.ID, d.Key(), by.At.Truncate(time.Microsecond))
	t.Deadline.Who, t.Deadline.Reason = by.Who, by.Reason
	return t
}

// CommandID returns the id of the command that delivers the trigger: the same in each delivery.
func (t *Trigger) CommandID() string { return "trigger-" + derivedID(t.ID) }

// handled returns the trigger as it is recorded after the reaction.
func (t Trigger) handled() Trigger { return t.WithoutData() }

// WithoutData returns the trigger without the data of its event, for events that are too large. It can't be retried.
func (t Trigger) WithoutData() Trigger {
	if t.Event != nil {
		event := *t.Event
		event.Data = nil
		t.Event = &event
	}
	return t
}

// meta returns the [core.Meta] that the reaction gets.
func (t *Trigger) meta(instance core.Stream) core.Meta {
	m := core.Meta{Key: instance.ID, Stream: instance, Time: t.Time}
	if e := t.Event; e != nil {
		m.Stream = core.Stream{Tenant: instance.Tenant, Category: e.Category, ID: e.Stream}
		m.Version, m.Position = e.Version, e.Position
	}
	return m
}

// derivedID returns an id of 32 characters, computed from its parts.
func derivedID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// effectID returns the id of the effect at an index of the reaction to a trigger.
func effectID(instance core.Stream, t *Trigger, index int) string {
	return derivedID(instance.Path(), t.ID, fmt.Sprint(index))
}
