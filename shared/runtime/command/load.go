package command

import (
	"context"
	"errors"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

// loadResult describes a load.
type loadResult struct {
	source LoadSource
	fresh  bool // the state includes every commit that was acknowledged before the load
}

// load makes the slot's state current, unless it is, and reports the source of the state to traces and metrics.
func (x *Executor) load(ctx context.Context, s *slot, a *core.Aggregate) (loadResult, error) {
	if s.current() {
		x.config.Observer.Loaded(ctx, s.stream.Category, FromCache, 0)
		return loadResult{source: FromCache}, nil
	}
	started := time.Now()
	ctx, span := tracing.Step(ctx, "load")
	defer span.End()
	result, err := x.loadStored(ctx, s, a)
	if err == nil {
		span.SetAttributes(tracing.Source.String(string(result.source)))
		x.config.Observer.Loaded(ctx, s.stream.Category, result.source, time.Since(started))
	}
	return result, err
}

// loadStored loads the aggregate from its snapshot and the log, or refreshes a stale state from the log.
func (x *Executor) loadStored(ctx context.Context, s *slot, a *core.Aggregate) (loadResult, error) {
	if !s.loaded && !s.stale && x.fromUnconfirmedSnapshot(ctx, s, a) {
		return loadResult{source: FromSnapshot}, nil
	}
	s.unconfirmed = false
	if s.loaded {
		err := x.loader.refresh(ctx, &s.State)
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
	loaded, err := x.loader.Load(ctx, a, s.stream, func() (core.Commit, error) {
		if confirmed {
			return x.log.LastConfirmed(ctx, s.stream)
		}
		return x.log.Last(ctx, s.stream)
	})
	if err != nil {
		return loadResult{}, err
	}
	s.State, s.loaded, s.stale = loaded, true, false
	if loaded.saved > 0 {
		return loadResult{source: FromSnapshot, fresh: confirmed}, nil
	}
	return loadResult{source: FromLog, fresh: confirmed}, nil
}
