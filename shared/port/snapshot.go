package port

import (
	"context"
	"orchestrix/shared/core"
	"time"
)

// Snapshot is a saved aggregate state: a pure optimisation.
type Snapshot struct {
	Stream  core.Stream
	Version core.Version // of the stream that the state has folded
	// Schema is the form of State: [core.Aggregate.StateHash] with the runtime's own envelope.
	Schema string
	State  []byte // only who has taken the snapshot reads it
	Time   time.Time
}

// Snapshots keeps the newest snapshot of each stream.
type Snapshots interface {
	// Load returns the snapshot of s, or [core.ErrNotFound] where there is none of this schema or where what is
	// stored does not match its checksum: the log is replayed then.
	Load(ctx context.Context, s core.Stream, schema string) (Snapshot, error)

	// Save keeps each snapshot that is newer than, or of another schema than, the one there is.
	Save(ctx context.Context, snapshots []Snapshot) error
}
