package es

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// Effect is what a process wants done.
type Effect struct {
	kind    effectKind
	to      string // id of the aggregate
	command any
	address *commandAddress // where the command goes by name
	tag     string
	name    string // of a deadline, or a step
	at      time.Time
	after   time.Duration
	reason  string
}

type commandAddress struct{ category, name string }

type effectKind int

const (
	effectSend effectKind = iota + 1
	effectSchedule
	effectCancel
	effectStep
	effectCompensate
	effectComplete
	effectFail
)

// Send sends a command, of a type that a decider takes, to the aggregate with this id. It is delivered at least once
// and decided once. The commands that an instance sends to one aggregate are decided in the order in which it sent them.
func Send(to string, command any) Effect { return Effect{kind: effectSend, to: to, command: command} }

// SendNamed sends a command to another module's aggregate, by the names that requests use. body becomes its JSON.
func SendNamed(category, to, name string, body any) Effect {
	return Effect{kind: effectSend, to: to, command: body, address: &commandAddress{category, name}}
}

// Tagged gives a command a tag, which its outcome then carries.
func (e Effect) Tagged(tag string) Effect {
	e.tag = tag
	return e
}

// Schedule sets the deadline of this name, a token of at most 40 bytes, to a moment. It replaces a pending one.
func Schedule(name string, at time.Time) Effect {
	return Effect{kind: effectSchedule, name: name, at: at.UTC()}
}

// After sets the deadline of this name to a time after the moment at which this reaction is recorded.
func After(name string, d time.Duration) Effect {
	return Effect{kind: effectSchedule, name: name, after: d}
}

// Cancel removes the deadline of this name, where there is one. It does not pass any more.
func Cancel(name string) Effect { return Effect{kind: effectCancel, name: name} }

// AtStep says for people at which step the instance is: the view "processes" shows it.
func AtStep(name string) Effect { return Effect{kind: effectStep, name: name} }

// Compensating says that the instance undoes from now on what it has done, and why: its status is "compensating" until
// it ends.
func Compensating(reason string) Effect { return Effect{kind: effectCompensate, reason: reason} }

// Complete ends the instance: it has done what it was for. Its deadlines are cancelled.
func Complete() Effect { return Effect{kind: effectComplete} }

// Fail ends the instance: it could not do what it was for. Its deadlines are cancelled.
func Fail(reason string) Effect { return Effect{kind: effectFail, reason: reason} }

// SentCommand is a command as the instance that sends it has recorded it.
type SentCommand struct {
	ID       string          `json:"id"` // derived: the same however often the reaction is worked out
	Category string          `json:"category"`
	To       string          `json:"to"`
	Name     string          `json:"name"`
	Body     json.RawMessage `json:"body"`
	Tag      string          `json:"tag,omitempty"`
}

// SetDeadline is a deadline as the instance that sets it has recorded it.
type SetDeadline struct {
	ID   string    `json:"id"` // derived, as that of a command
	Name string    `json:"name"`
	At   time.Time `json:"at,omitzero"`
	// After is in nanoseconds, from the time of the commit that holds it; where At is zero.
	After time.Duration `json:"after,omitempty"`
}

// Key is the name under which the deadline is kept: each setting has its own, so that one that is set or cancelled late,
// by a worker that was paused, has nothing to do with the settings after it.
func (d SetDeadline) Key() string { return d.Name + "-" + d.ID[:deadlineKeyDigits] }

// Due is when the deadline passes, where it was recorded at this time.
func (d SetDeadline) Due(recorded time.Time) time.Time {
	if d.At.IsZero() {
		return recorded.Add(d.After)
	}
	return d.At
}

const (
	deadlineKeyDigits = 20
	maxDeadlineName   = MaxTokenLength - deadlineKeyDigits - 1
)

// CommandCheck says what is wrong with a command's body, where its type has rules beyond its own decoding.
type CommandCheck func(c *CommandType, body []byte) error

// resolveSend finds the command that an effect sends and encodes it.
func (r *Registry) resolveSend(e Effect, check CommandCheck) (SentCommand, error) {
	c, err := r.addressee(e)
	if err != nil {
		return SentCommand{}, err
	}
	if err := CheckToken("id", e.to); err != nil {
		return SentCommand{}, fmt.Errorf("command %q to %s: %w", c.Name, c.Aggregate.Category, err)
	}
	body, err := Marshal(e.command)
	if err == nil {
		_, err = c.Decode(body)
	}
	if err == nil && check != nil {
		err = check(c, body)
	}
	if err != nil {
		return SentCommand{}, fmt.Errorf("command %q to %s-%s: %w", c.Name, c.Aggregate.Category, e.to, err)
	}
	return SentCommand{Category: c.Aggregate.Category, To: e.to, Name: c.Name, Body: body, Tag: e.tag}, nil
}

func (r *Registry) addressee(e Effect) (*CommandType, error) {
	if e.address != nil {
		if a, ok := r.categories[e.address.category]; ok {
			if c, ok := a.Command(e.address.name); ok {
				return c, nil
			}
		}
		return nil, fmt.Errorf("no decider of category %q takes a command %q", e.address.category, e.address.name)
	}
	var found *CommandType
	for _, a := range r.aggregates {
		c, ok := a.CommandOf(e.command)
		if ok && found != nil {
			return nil, fmt.Errorf("%v is a command of %s and of %s: send it with es.SendNamed", reflect.TypeOf(e.command), found.Aggregate.Category, a.Category)
		}
		if ok {
			found = c
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no decider takes a command of type %v", reflect.TypeOf(e.command))
	}
	return found, nil
}
