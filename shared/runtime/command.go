package runtime

import (
	"encoding/json"
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Command is a request to change one aggregate.
type Command struct {
	Stream core.Stream
	Name   string
	ID     string          // a repeated id with the same name and body gets the first result
	Body   json.RawMessage // one JSON object

	// Type and Payload are the command's type and Body decoded as that type. A caller that sets Type has checked Stream,
	// ID and Body; the [command.Executor] does not check them again.
	Type    *core.CommandType
	Payload any

	// IfMatch is the version that the stream must have; nil accepts any version. A mismatch returns [*PreconditionError].
	IfMatch *core.Version

	CorrelationID string // default: ID
	CausationID   string // default: ID
	Trace         core.Trace
	Origin        core.Origin // default: only the sender of the executor
}

// Result describes an accepted command.
type Result struct {
	Stream    core.Stream
	Version   core.Version  // of the stream after the command
	Position  core.Position // of the commit; for a command without events, of the stream's newest commit
	CommandID string
	Events    []string // kinds; empty if the command changed nothing
	Repeated  bool     // the command had been accepted before; two services that race with the same command may both report false
}

// FindCommand returns the type of the command of this category and name, or [ErrUnknown].
func FindCommand(registry *core.Registry, category, name string) (*core.CommandType, error) {
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

// Check returns an error that wraps [core.ErrBadToken] if the stream's name or the command id is malformed.
func (c *Command) Check() error {
	if err := c.Stream.Check(); err != nil {
		return err
	}
	return core.CheckCommandID(c.ID)
}

// Resolve checks the ids and sets Type and Payload. Type is set only if it is known and the ids are valid. It returns [ErrUnknown],
// [core.ErrBadToken] or [core.ErrBadPayload].
func (c *Command) Resolve(registry *core.Registry) error {
	t, err := FindCommand(registry, c.Stream.Category, c.Name)
	if err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return err
	}
	c.Type = t
	if c.Payload == nil {
		c.Payload, err = t.Decode(c.Body)
	}
	return err
}
