package memory

import (
	"context"
	"fmt"
	"sync"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Snapshots keeps snapshots in memory.
type Snapshots struct {
	mu     sync.Mutex
	newest map[core.Stream]port.Snapshot
}

var _ port.Snapshots = (*Snapshots)(nil)

// NewSnapshots returns an empty store.
func NewSnapshots() *Snapshots { return &Snapshots{newest: map[core.Stream]port.Snapshot{}} }

// Load implements [port.Snapshots].
func (s *Snapshots) Load(_ context.Context, stream core.Stream, schema string) (port.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snapshot, ok := s.newest[stream]
	if !ok || snapshot.Schema != schema {
		return port.Snapshot{}, fmt.Errorf("snapshot of %s: %w", stream, core.ErrNotFound)
	}
	return snapshot, nil
}

// Save implements [port.Snapshots].
func (s *Snapshots) Save(_ context.Context, snapshots []port.Snapshot) error {
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
