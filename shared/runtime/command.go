package runtime

import (
	"encoding/json"
	"fmt"

	"orchestrix/shared/es"
)

// Command is a request to change one aggregate.
type Command struct {
	Stream es.Stream
	Name   string
	ID     string          // a repeated id with the same name and body gets the first result
	Body   json.RawMessage // one JSON object

	// Type and Payload are the command's type and Body decoded as that type. A caller that sets Type has checked Stream,
	// ID and Body; the [Executor] does not check them again.
	Type    *es.CommandType
	Payload any

	// IfMatch is the version that the stream must have; nil accepts any version. A mismatch returns [*PreconditionError].
	IfMatch *es.Version

	CorrelationID string // default: ID
	CausationID   string // default: ID
	Trace         es.Trace
}

// Result describes an accepted command.
type Result struct {
	Stream    es.Stream
	Version   es.Version  // of the stream after the command
	Position  es.Position // of the commit; for a command without events, of the stream's newest commit
	CommandID string
	Events    []string // kinds; empty if the command changed nothing
	Repeated  bool     // the command had been accepted before; two services that race with the same command may both report false
}

// commandType looks up a command by category and name. It returns [ErrUnknown].
func commandType(registry *es.Registry, category, name string) (*es.CommandType, error) {
	a, ok := registry.Aggregate(category)
	if !ok {
		return nil, fmt.Errorf("%w: no category %q", ErrUnknown, category)
	}
	t, ok := a.Command(name)
	if !ok {
		return nil, fmt.Errorf("%w: category %q has no command %q", ErrUnknown, category, name)
	}
	return t, nil
}

// check returns an error that wraps [es.ErrBadToken] if the stream's name or the command id is malformed.
func (c *Command) check() error {
	if err := c.Stream.Check(); err != nil {
		return err
	}
	return es.CheckCommandID(c.ID)
}

// resolve sets Type and Payload. Type is set only if the type is known and the ids are valid.
func (c *Command) resolve(registry *es.Registry) error {
	t, err := commandType(registry, c.Stream.Category, c.Name)
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	c.Type = t
	if c.Payload == nil {
		c.Payload, err = t.Decode(c.Body)
	}
	return err
}
