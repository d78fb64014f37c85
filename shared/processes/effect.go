package processes

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Effect is a command, a deadline or a change of status that a reaction asks for. Package es has the constructors.
type Effect struct {
	Kind    EffectKind
	To      string // id of the aggregate
	Command any
	// Category and Name are those of a command that is sent by name. Category is empty where the Go type of Command
	// identifies the command.
	Category string
	Name     string // of a command that is sent by name, a deadline or a step
	Tag      string
	At       time.Time
	After    time.Duration
	Reason   string
}

// EffectKind is the kind of an effect.
type EffectKind int

// The kinds of effect.
const (
	SendEffect EffectKind = iota + 1
	ScheduleEffect
	CancelEffect
	StepEffect
	CompensateEffect
	CompleteEffect
	FailEffect
)

// Tagged returns the effect with a tag, which the result of its command carries.
func (e Effect) Tagged(tag string) Effect {
	e.Tag = tag
	return e
}

// SentCommand is a command as the instance that sends it has recorded it.
type SentCommand struct {
	ID       string          `json:"id"` // derived from the trigger: the same in each attempt of the reaction
	Category string          `json:"category"`
	To       string          `json:"to"`
	Name     string          `json:"name"`
	Body     json.RawMessage `json:"body"`
	Tag      string          `json:"tag,omitempty"`
}

// SetDeadline is a deadline as the instance that sets it has recorded it.
type SetDeadline struct {
	ID   string    `json:"id"` // derived, like the id of a command
	Name string    `json:"name"`
	At   time.Time `json:"at,omitzero"`
	// After is in nanoseconds, from the time of the commit that holds the deadline. Used where At is zero.
	After time.Duration `json:"after,omitempty"`
}

// Key returns the name of the deadline in the store. Each setting has its own, so that a paused worker that sets or cancels
// a deadline late does not touch later settings.
func (d SetDeadline) Key() string { return d.Name + "-" + d.ID[:deadlineKeyDigits] }

// DeadlineName returns the name of a deadline from its name in the store, which [SetDeadline.Key] returns.
func DeadlineName(key string) string {
	if n := len(key) - deadlineKeyDigits - 1; n > 0 {
		return key[:n]
	}
	return key
}

// Due returns the moment of the deadline, given the time at which it was recorded.
func (d SetDeadline) Due(recorded time.Time) time.Time {
	if d.At.IsZero() {
		return recorded.Add(d.After)
	}
	return d.At
}

const (
	deadlineKeyDigits = 20
	maxDeadlineName   = core.MaxTokenLength - deadlineKeyDigits - 1
)

// CommandCheck checks a command's body against rules beyond its decoding, such as its JSON Schema.
type CommandCheck func(c *core.CommandType, body []byte) error

// resolveSend returns the command of an effect, encoded.
func resolveSend(r *core.Registry, e Effect, check CommandCheck) (SentCommand, error) {
	c, err := findCommand(r, e)
	if err != nil {
		return SentCommand{}, err
	}
	if err := core.CheckToken("id", e.To); err != nil {
		return SentCommand{}, fmt.Errorf("command %q to %s: %w", c.Name, c.Aggregate.Category, err)
	}
	body, err := core.Marshal(e.Command)
	if err == nil {
		_, err = c.Decode(body)
	}
	if err == nil && check != nil {
		err = check(c, body)
	}
	if err != nil {
		return SentCommand{}, fmt.Errorf("command %q to %s-%s: %w", c.Name, c.Aggregate.Category, e.To, err)
	}
	return SentCommand{Category: c.Aggregate.Category, To: e.To, Name: c.Name, Body: body, Tag: e.Tag}, nil
}

// findCommand returns the command type that an effect names, or that belongs to the Go type of its command.
func findCommand(r *core.Registry, e Effect) (*core.CommandType, error) {
	if e.Category != "" {
		if a, ok := r.Aggregate(e.Category); ok {
			if c, ok := a.Command(e.Name); ok {
				return c, nil
			}
		}
		return nil, fmt.Errorf("no decider of category %q takes a command %q", e.Category, e.Name)
	}
	var found *core.CommandType
	for _, a := range r.Aggregates() {
		c, ok := a.CommandOf(e.Command)
		if ok && found != nil {
			return nil, fmt.Errorf("%v is a command of %s and of %s: send it with es.SendNamed", reflect.TypeOf(e.Command), found.Aggregate.Category, a.Category)
		}
		if ok {
			found = c
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no decider takes a command of type %v", reflect.TypeOf(e.Command))
	}
	return found, nil
}
