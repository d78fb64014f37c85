package memory

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"orchestrix/shared/es"
)

// Views keeps views in memory.
type Views struct {
	mu     sync.Mutex
	active map[string]es.ViewSpec // by name
	built  map[builtView]*documents
}

type builtView struct {
	name    string
	version int
}

// documents are one version of a view.
type documents struct {
	byKey       map[es.DocumentKey]es.Document
	checkpoints map[int]*es.Checkpoint // by partition
}

var _ es.ViewStore = (*Views)(nil)

// NewViews returns an empty store.
func NewViews() *Views {
	return &Views{active: map[string]es.ViewSpec{}, built: map[builtView]*documents{}}
}

// Prepare implements [es.ViewWriter].
func (s *Views) Prepare(_ context.Context, view es.ViewSpec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := builtView{view.Name, view.Version}
	if s.built[key] == nil {
		s.built[key] = &documents{byKey: map[es.DocumentKey]es.Document{}, checkpoints: map[int]*es.Checkpoint{}}
	}
	if active, ok := s.active[view.Name]; !ok || active.Version == view.Version {
		s.active[view.Name] = view
	}
	return nil
}

// Activate implements [es.ViewWriter].
func (s *Views) Activate(_ context.Context, view es.ViewSpec, partitions int) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	active := s.active[view.Name]
	if active.Version >= view.Version {
		return true, nil
	}
	fresh, err := s.find(view)
	if err != nil {
		return false, err
	}
	old := s.built[builtView{view.Name, active.Version}]
	for p := range partitions {
		c, ok := fresh.checkpoints[p]
		if !ok {
			return false, nil
		}
		if before, ok := old.checkpoints[p]; ok && before.Position.Sequence > c.Position.Sequence {
			return false, nil
		}
	}
	s.active[view.Name] = view
	return true, nil
}

// Claim implements [es.ViewWriter].
func (s *Views) Claim(_ context.Context, view es.ViewSpec, partition int, owner string, ttl time.Duration) (es.Checkpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.find(view)
	if err != nil {
		return es.Checkpoint{}, err
	}
	c := d.checkpoints[partition]
	if c == nil {
		c = &es.Checkpoint{View: view.Name, Version: view.Version, Position: es.Position{Partition: partition}}
		d.checkpoints[partition] = c
	}
	if now := time.Now(); c.Lease.Owner != "" && c.Lease.Owner != owner && c.Lease.Until.After(now) {
		return es.Checkpoint{}, fmt.Errorf("%w: view %s, partition %d, owner %s", es.ErrLeased, view.Name, partition, c.Lease.Owner)
	}
	c.Lease = es.Lease{
		View: view.Name, Version: view.Version, Partition: partition,
		Owner: owner, Epoch: c.Lease.Epoch + 1, Until: time.Now().Add(ttl),
	}
	return *c, nil
}

// Renew implements [es.ViewWriter].
func (s *Views) Renew(_ context.Context, leases []es.Lease, caughtUp []bool, ttl time.Duration) ([]es.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make([]es.Lease, 0, len(leases))
	for i, lease := range leases {
		c := s.heldBy(lease)
		if c == nil {
			continue
		}
		c.Lease.Until = time.Now().Add(ttl)
		if caughtUp[i] {
			c.CaughtUp = time.Now()
		}
		held = append(held, c.Lease)
	}
	return held, nil
}

// Release implements [es.ViewWriter].
func (s *Views) Release(_ context.Context, leases []es.Lease) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, lease := range leases {
		if c := s.heldBy(lease); c != nil {
			c.Lease.Owner, c.Lease.Until = "", time.Time{}
		}
	}
	return nil
}

// heldBy returns the checkpoint that the lease still gives the right to write, or nil.
func (s *Views) heldBy(lease es.Lease) *es.Checkpoint {
	d := s.built[builtView{lease.View, lease.Version}]
	if d == nil {
		return nil
	}
	c := d.checkpoints[lease.Partition]
	if c == nil || c.Lease.Owner != lease.Owner || c.Lease.Epoch != lease.Epoch {
		return nil
	}
	return c
}

// Apply implements [es.ViewWriter].
func (s *Views) Apply(ctx context.Context, view es.ViewSpec, u es.Update, fold es.FoldFunc) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", es.ErrUnavailable, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.find(view)
	if err != nil {
		return err
	}
	c := s.heldBy(u.Lease)
	if c == nil || c.Position != u.From {
		return fmt.Errorf("view %s, partition %d: %w", view.Name, u.Lease.Partition, es.ErrFenced)
	}
	current := make(map[es.DocumentKey]json.RawMessage, len(u.Keys))
	for _, key := range u.Keys {
		if document, ok := d.byKey[key]; ok {
			current[key] = document.Data
		}
	}
	writes, err := fold(current)
	if err != nil {
		return err
	}
	for _, w := range writes {
		switch {
		case w.Data == nil:
			delete(d.byKey, w.DocumentKey)
		case !bytes.Equal(d.byKey[w.DocumentKey].Data, w.Data):
			d.byKey[w.DocumentKey] = es.Document{Key: w.Key, Position: w.Position, Data: w.Data}
		}
	}
	c.Position = u.To
	if u.CaughtUp {
		c.CaughtUp = time.Now()
	}
	return nil
}

func (s *Views) find(view es.ViewSpec) (*documents, error) {
	d := s.built[builtView{view.Name, view.Version}]
	if d == nil {
		return nil, fmt.Errorf("%w: view %s, version %d is not prepared", es.ErrUnavailable, view.Name, view.Version)
	}
	return d, nil
}

// Checkpoints implements [es.ViewReader].
func (s *Views) Checkpoints(_ context.Context, view string) ([]es.Checkpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, d, err := s.activeVersion(view)
	if err != nil {
		return nil, err
	}
	checkpoints := make([]es.Checkpoint, 0, len(d.checkpoints))
	for _, c := range d.checkpoints {
		checkpoints = append(checkpoints, *c)
	}
	slices.SortFunc(checkpoints, func(a, b es.Checkpoint) int { return cmp.Compare(a.Position.Partition, b.Position.Partition) })
	return checkpoints, nil
}

func (s *Views) activeVersion(view string) (es.ViewSpec, *documents, error) {
	spec, ok := s.active[view]
	if !ok {
		return es.ViewSpec{}, nil, fmt.Errorf("%w: view %q is not built yet: the projection service builds it", es.ErrUnavailable, view)
	}
	return spec, s.built[builtView{spec.Name, spec.Version}], nil
}
