package command

import (
	"context"
	"errors"
	"fmt"

	"orchestrix/shared/core"
	"orchestrix/shared/port"
	"orchestrix/shared/runtime"
)

// steps are the parts of a command's execution that traces and metrics tell apart. [observedSteps] decorates them.
type steps interface {
	// load fills a slot that is not current: it loads the aggregate, or refreshes it if the slot is stale.
	load(ctx context.Context, s *slot, a *core.Aggregate) (loadResult, error)
	// decide returns the events to append, or the result of a command without any.
	decide(ctx context.Context, s *state, c *call) ([]core.Event, runtime.Result, error)
}

// loadResult describes a load.
type loadResult struct {
	source LoadSource
	fresh  bool // the state includes every commit that was acknowledged before the load
}

// storeSteps are the steps on a log and its snapshots.
type storeSteps struct {
	log    port.Reader
	loader *Loader
	rate   *hitRate
}

func (w storeSteps) load(ctx context.Context, s *slot, a *core.Aggregate) (loadResult, error) {
	if !s.loaded && !s.stale && w.fromUnconfirmedSnapshot(ctx, s, a) {
		return loadResult{source: FromSnapshot}, nil
	}
	s.unconfirmed = false
	if s.loaded {
		err := w.loader.refresh(ctx, &s.state)
		if err == nil {
			s.stale = false
			return loadResult{source: FromRefresh, fresh: true}, nil
		}
		if !errors.Is(err, core.ErrCorrupt) {
			return loadResult{}, err
		}
		s.loaded = false // the cached state does not fit the log: the log is right
	}
	confirmed := s.stale
	loaded, err := w.loader.Load(ctx, a, s.stream, func() (core.Commit, error) {
		if confirmed {
			return w.log.LastConfirmed(ctx, s.stream)
		}
		return w.log.Last(ctx, s.stream)
	})
	if err != nil {
		return loadResult{}, err
	}
	s.state, s.loaded, s.stale = loaded, true, false
	if loaded.saved > 0 {
		return loadResult{source: FromSnapshot, fresh: confirmed}, nil
	}
	return loadResult{source: FromLog, fresh: confirmed}, nil
}

// decide turns a panic of the domain into an error, so that it fails this command alone.
func (storeSteps) decide(_ context.Context, s *state, c *call) (events []core.Event, result runtime.Result, err error) {
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
