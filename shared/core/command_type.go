package core

import (
	"fmt"
	"reflect"
)

// CommandType is one registered command.
type CommandType struct {
	Aggregate *Aggregate
	Name      string
	Type      reflect.Type
	// Internal: only processes send the command; HTTP rejects it.
	Internal bool
	// Doc is one line that describes the command for its callers; may be empty.
	Doc string

	decode func(data []byte) (any, error)
	known  func(data []byte) (any, error) // see DecodeKnown
	decide func(state, command any) ([]Event, error)
}

// Decode decodes a command's body: one JSON value without unknown fields. Its error wraps [ErrBadPayload]. Struct tags are
// not checked.
func (c *CommandType) Decode(body []byte) (any, error) { return c.nameError(c.decode(body)) }

// DecodeKnown is Decode for a body that is already known to be valid UTF-8 without unknown fields. It checks neither.
func (c *CommandType) DecodeKnown(body []byte) (any, error) { return c.nameError(c.known(body)) }

func (c *CommandType) nameError(command any, err error) (any, error) {
	if err != nil {
		return nil, fmt.Errorf("command %s: %w", c.Name, err)
	}
	return command, nil
}

// Decide calls the decide function. The error is a [*Rejection] where the domain rejects the command.
func (c *CommandType) Decide(state, command any) ([]Event, error) { return c.decide(state, command) }

// CommandSpec describes one command of an aggregate.
type CommandSpec struct {
	Name        string // a token
	Type        reflect.Type
	Internal    bool
	Doc         string                         // see [CommandType.Doc]
	Decode      func(data []byte) (any, error) // strict: see [CommandType.Decode]
	DecodeKnown func(data []byte) (any, error) // see [CommandType.DecodeKnown]
	Decide      func(state, command any) ([]Event, error)
}
