package memory

import (
	"context"
	"fmt"
	"sync"

	"orchestrix/shared/es"
)

// Snapshots keeps snapshots in memory.
type Snapshots struct {
	mu     sync.Mutex
	newest map[es.Stream]es.Snapshot
}

var _ es.Snapshots = (*Snapshots)(nil)

// NewSnapshots returns an empty store.
func NewSnapshots() *Snapshots { return &Snapshots{newest: map[es.Stream]es.Snapshot{}} }

// Load implements [es.Snapshots].
func (s *Snapshots) Load(_ context.Context, stream es.Stream, schema string) (es.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snapshot, ok := s.newest[stream]
	if !ok || snapshot.Schema != schema {
		return es.Snapshot{}, fmt.Errorf("snapshot of %s: %w", stream, es.ErrNotFound)
	}
	return snapshot, nil
}

// Save implements [es.Snapshots].
func (s *Snapshots) Save(_ context.Context, snapshots []es.Snapshot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, snapshot := range snapshots {
		old, ok := s.newest[snapshot.Stream]
		if !ok || snapshot.Version > old.Version || snapshot.Schema != old.Schema {
			s.newest[snapshot.Stream] = snapshot
		}
	}
	return nil
}
