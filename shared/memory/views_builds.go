package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Builds implements [port.BuildStore].
func (s *Views) Builds(context.Context) ([]port.BuildStatus, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []port.BuildStatus
	for _, name := range slices.Sorted(maps.Keys(s.views)) {
		v := s.views[name]
		for _, b := range v.builds {
			status := port.BuildStatus{
				Build: b.spec.Build(), State: b.state, Since: b.since, Started: b.started, Paused: v.paused, DropOld: b.dropOld,
				Checkpoints: b.sortedCheckpoints(),
			}
			for _, p := range s.parked[b.spec.Build()] {
				if p.Failure != nil {
					status.Parked++
				}
			}
			all = append(all, status)
		}
	}
	slices.SortFunc(all, func(a, b port.BuildStatus) int { return a.Compare(b.Build) })
	return all, nil
}

func (b *build) sortedCheckpoints() []port.Checkpoint {
	checkpoints := make([]port.Checkpoint, 0, len(b.checkpoints))
	for _, c := range b.checkpoints {
		checkpoints = append(checkpoints, *c)
	}
	slices.SortFunc(checkpoints, func(a, b port.Checkpoint) int { return cmp.Compare(a.Position.Partition, b.Position.Partition) })
	return checkpoints
}

// Activate implements [port.BuildStore].
func (s *Views) Activate(_ context.Context, spec core.ViewSpec, partitions int) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.views[spec.Name]
	if v == nil || v.active == nil {
		return false, nil
	}
	if v.active.spec.Build().Compare(spec.Build()) >= 0 {
		return true, nil
	}
	_, fresh, err := s.findMaintained(spec)
	if err != nil {
		return false, nil //nolint:nilerr // it was cancelled
	}
	for p := range partitions {
		c, ok := fresh.checkpoints[p]
		if !ok {
			return false, nil
		}
		if before, ok := v.active.checkpoints[p]; ok && isBehind(c, before) {
			return false, nil
		}
	}
	for _, b := range v.builds {
		if b.state == port.Active || b.state == port.Building && b.spec.Build().Compare(spec.Build()) < 0 {
			b.setState(port.Retired)
		}
	}
	v.active = fresh
	fresh.setState(port.Active)
	return true, nil
}

// isBehind reports whether a switch from before to c would show readers an older state. Positions of two different logs can't
// be compared: a build on a new log must have reached the end of that log. A build that reached the end of a partition
// without commits, after the last lease of the old build ended, is on a new log too.
func isBehind(c, before *port.Checkpoint) bool {
	unmarked := c.Mark.Created.IsZero()
	switch {
	case unmarked && !c.CaughtUp.IsZero() && c.CaughtUp.After(before.Lease.Until):
		return false
	case !unmarked && !before.Mark.Created.IsZero() && !c.Mark.Created.Equal(before.Mark.Created):
		return c.CaughtUp.IsZero()
	}
	return c.Position.Sequence < before.Position.Sequence
}

// Rebuild implements [port.BuildStore].
func (s *Views) Rebuild(_ context.Context, spec core.ViewSpec, dropOld bool, by core.Action) (core.Build, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.views[spec.Name]
	if v == nil {
		return core.Build{}, fmt.Errorf("%w: view %s is not built yet", core.ErrNotFound, spec.Name)
	}
	if err := port.CheckRebuild(spec, v.active.spec.Version); err != nil {
		return core.Build{}, err
	}
	spec.Rebuild = 0
	for _, b := range v.builds {
		if b.state == port.Building {
			return core.Build{}, fmt.Errorf("%w: %s", port.ErrBuilding, b.spec.Build())
		}
		if b.spec.Version == spec.Version {
			spec.Rebuild = max(spec.Rebuild, b.spec.Rebuild+1)
		}
	}
	v.addBuild(spec).dropOld = dropOld
	s.addAction(by, spec.Name, spec.Build().String())
	return spec.Build(), nil
}

// Cancel implements [port.BuildStore].
func (s *Views) Cancel(_ context.Context, name string, by core.Action) (core.Build, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.views[name]; v != nil {
		for _, b := range v.builds {
			if b.state == port.Building {
				b.setState(port.Cancelled)
				s.addAction(by, name, b.spec.Build().String())
				return b.spec.Build(), nil
			}
		}
	}
	return core.Build{}, fmt.Errorf("%w: view %s is not being built", core.ErrNotFound, name)
}

// Pause implements [port.BuildStore].
func (s *Views) Pause(_ context.Context, name string, paused bool, by core.Action) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.views[name]
	if v == nil {
		return fmt.Errorf("%w: view %s is not built", core.ErrNotFound, name)
	}
	v.paused = paused
	s.addAction(by, name, name)
	return nil
}

// Drop implements [port.BuildStore].
func (s *Views) Drop(_ context.Context, name string, before time.Time, by core.Action) (dropped []core.Build, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, viewName := range slices.Sorted(maps.Keys(s.views)) {
		if name != "" && viewName != name {
			continue
		}
		v := s.views[viewName]
		newest := slices.MaxFunc(v.builds, func(a, b *build) int { return a.spec.Build().Compare(b.spec.Build()) })
		v.builds = slices.DeleteFunc(v.builds, func(b *build) bool {
			if (b.state == port.Retired || b.state == port.Cancelled) && b.since.Before(before) && !b.dropped {
				b.dropped, b.documents, b.checkpoints = true, nil, nil
				dropped = append(dropped, b.spec.Build())
				delete(s.parked, b.spec.Build())
				s.addAction(by, viewName, b.spec.Build().String())
			}
			return b.dropped && b != newest
		})
	}
	return dropped, nil
}

// Record implements [port.ActionLog].
func (s *Views) Record(_ context.Context, a core.Action) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addAction(a, "", a.Object)
	return nil
}

// Actions implements [port.ActionLog].
func (s *Views) Actions(_ context.Context, name string, limit int) (newest []core.Action, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range slices.Backward(s.actions) {
		if len(newest) < limit && (name == "" || a.View == name) {
			newest = append(newest, a)
		}
	}
	return newest, nil
}

func (s *Views) addAction(a core.Action, name, object string) {
	a.At, a.View, a.Object = time.Now().UTC(), name, object
	s.actions = append(s.actions, a)
}
