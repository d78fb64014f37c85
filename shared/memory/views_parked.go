package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

type parking = port.Parked

func (s *Views) park(b core.Build, p port.Parking) {
	s.lastID++
	parked := &parking{Parking: p, ID: s.lastID, Build: b, At: time.Now().UTC()}
	if p.Failure != nil {
		parked.Attempts, parked.Attempted = 1, parked.At
	}
	s.parked[b] = append(s.parked[b], parked)
}

// Parked implements [port.ParkedStore].
func (s *Views) Parked(_ context.Context, q port.ParkedQuery) (found []port.Parked, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for b, all := range s.parked {
		for _, p := range all {
			if p.Failure != nil && p.ID > q.After && (q.View == "" || q.View == b.View) && (q.Group == "" || q.Group == p.Failure.Group) {
				found = append(found, s.withBehind(p))
			}
		}
	}
	slices.SortFunc(found, func(a, b port.Parked) int { return int(a.ID - b.ID) })
	return found[:min(len(found), q.Limit)], nil
}

func (s *Views) withBehind(p *parking) port.Parked {
	result := *p
	if p.Failure != nil {
		result.Behind = len(s.lane(p.Build, p.Lane)) - 1
	}
	return result
}

func (s *Views) lane(b core.Build, lane port.Lane) (waiting []*parking) {
	for _, p := range s.parked[b] {
		if p.Lane == lane {
			waiting = append(waiting, p)
		}
	}
	return waiting
}

func (s *Views) byID(id int64) *parking {
	for _, all := range s.parked {
		for _, p := range all {
			if p.ID == id {
				return p
			}
		}
	}
	return nil
}

// ParkedEvent implements [port.ParkedStore].
func (s *Views) ParkedEvent(_ context.Context, id int64) (port.Parked, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.byID(id); p != nil {
		return s.withBehind(p), nil
	}
	return port.Parked{}, fmt.Errorf("%w: no event with the id %d waits", core.ErrNotFound, id)
}

// Waiting implements [port.ParkedStore].
func (s *Views) Waiting(_ context.Context, b core.Build, lane port.Lane, limit int) (waiting []port.Parked, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.lane(b, lane) {
		if len(waiting) < limit {
			waiting = append(waiting, *p)
		}
	}
	return waiting, nil
}

// RetryLane implements [port.ParkedStore].
func (s *Views) RetryLane(_ context.Context, spec core.ViewSpec, r port.LaneRetry, apply port.LaneRetryFunc) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, b, err := s.findMaintained(spec)
	if err != nil {
		return err
	}
	first := s.lane(spec.Build(), r.Lane)
	if len(first) < len(r.IDs) {
		return port.ErrMoved
	}
	first = first[:len(r.IDs)]
	for i, p := range first {
		if p.ID != r.IDs[i] {
			return port.ErrMoved
		}
	}
	lanes := make([]port.Lane, len(r.Keys))
	for i, key := range r.Keys {
		lanes[i] = port.DocumentLane(key)
	}
	result, done, failure, err := apply(s.readCurrent(b, r.Keys, func() []port.Lane { return lanes }))
	if err != nil {
		return err
	}
	s.writeResult(b, result)
	s.remove(spec.Build(), first[:done])
	if failure != nil {
		failed := first[done]
		failed.Failure, failed.Attempted = failure, time.Now().UTC()
		failed.Attempts++
	}
	if r.By != nil {
		s.addAction(*r.By, spec.Name, fmt.Sprintf("%d: %s", first[0].ID, first[0].Parking))
	}
	return nil
}

func (s *Views) remove(b core.Build, gone []*parking) {
	s.parked[b] = slices.DeleteFunc(s.parked[b], func(p *parking) bool { return slices.Contains(gone, p) })
}

// Skip implements [port.ParkedStore].
func (s *Views) Skip(_ context.Context, id int64, by core.Action) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.byID(id)
	if p == nil {
		return fmt.Errorf("%w: no event with the id %d waits", core.ErrNotFound, id)
	}
	if s.lane(p.Build, p.Lane)[0] != p {
		return fmt.Errorf("%w: event %d is not the first of its lane", port.ErrMoved, id)
	}
	s.remove(p.Build, []*parking{p})
	s.addAction(by, p.Build.View, fmt.Sprintf("%d: %s", p.ID, p.Parking))
	return nil
}
