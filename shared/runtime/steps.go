package runtime

import (
	"context"
	"errors"
	"fmt"

	"orchestrix/shared/es"
)

// steps are the parts of a command's execution that traces and metrics tell apart. [observedSteps] decorates them.
type steps interface {
	// load fills a slot that is not current: it loads the aggregate, or refreshes it if the slot is stale.
	load(ctx context.Context, s *slot, a *es.Aggregate) (loadResult, error)
	// decide returns the events to append, or the result of a command without any.
	decide(ctx context.Context, s *state, c *call) ([]es.Event, Result, error)
}

// loadResult describes a load.
type loadResult struct {
	source LoadSource
	fresh  bool // the state includes every commit that was acknowledged before the load
}

// storeSteps are the steps on a log and its snapshots.
type storeSteps struct {
	log    es.Reader
	loader *loader
	rate   *hitRate
}

func (w storeSteps) load(ctx context.Context, s *slot, a *es.Aggregate) (loadResult, error) {
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
		if !errors.Is(err, es.ErrCorrupt) {
			return loadResult{}, err
		}
		s.loaded = false // the cached state does not fit the log: the log is right
	}
	confirmed := s.stale
	loaded, err := w.loader.load(ctx, a, s.stream, func() (es.Commit, error) {
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
func (storeSteps) decide(_ context.Context, s *state, c *call) (events []es.Event, result Result, err error) {
	before, err := s.recent.find(c.ID)
	if err != nil {
		return nil, Result{}, fmt.Errorf("snapshot of %s: %w", s.stream, err)
	}
	if before != nil {
		if before.Hash != c.hash {
			return nil, Result{}, fmt.Errorf("%w: %s accepted command %q at version %d with another name or body", ErrCommandReused, s.stream, c.ID, before.Version)
		}
		return nil, Result{
			Stream: s.stream, Version: before.Version, Position: before.Position,
			CommandID: c.ID, Events: before.Events, Repeated: true,
		}, nil
	}
	if c.IfMatch != nil && *c.IfMatch != s.revision.Version {
		return nil, Result{}, &PreconditionError{Stream: s.stream, Expected: *c.IfMatch, Actual: s.revision.Version}
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decide of %q panicked on command %q: %v", s.aggregate.Category, c.Name, p)
		}
	}()
	result = Result{Stream: s.stream, Version: s.revision.Version, Position: s.revision.Position, CommandID: c.ID, Events: []string{}}
	events, err = c.Type.Decide(s.value, c.Payload)
	return events, result, err
}
