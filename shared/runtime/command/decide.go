package command

import (
	"context"
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

// decide returns the events to append, or the result of a command that was accepted before or leads to no events. A panic of the
// domain becomes an error, so that it fails this command alone.
func (x *Executor) decide(ctx context.Context, s *State, c *call) (events []core.Event, result runtime.Result, err error) {
	_, span := tracing.Step(ctx, "decide")
	defer span.End()
	before, err := s.recent.find(c.ID)
	if err != nil {
		return nil, runtime.Result{}, fmt.Errorf("snapshot of %s: %w", s.stream, err)
	}
	if before != nil {
		if before.Hash != c.hash {
			return nil, runtime.Result{}, fmt.Errorf("%w: %s accepted command %q at version %d with another name or body", runtime.ErrCommandReused, s.stream, c.ID, before.Version)
		}
		return nil, runtime.Result{
			Stream: s.stream, Version: before.Version, Position: before.Position,
			CommandID: c.ID, Events: before.Events, Repeated: true,
		}, nil
	}
	if c.IfMatch != nil && *c.IfMatch != s.Revision.Version {
		return nil, runtime.Result{}, &runtime.PreconditionError{Stream: s.stream, Expected: *c.IfMatch, Actual: s.Revision.Version}
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decide of %q panicked on command %q: %v", s.aggregate.Category, c.Name, p)
		}
	}()
	result = runtime.Result{Stream: s.stream, Version: s.Revision.Version, Position: s.Revision.Position, CommandID: c.ID, Events: []string{}}
	events, err = c.Type.Decide(s.Value, c.Payload)
	return events, result, err
}
