package port

import (
	"context"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Snapshot is a saved state of an aggregate. Without snapshots, states are folded from the log.
type Snapshot struct {
	Stream  core.Stream
	Version core.Version // of the stream, up to which the state is folded
	// Schema identifies the form of State: [core.Aggregate.StateHash] and the version of the engine's envelope.
	Schema string
	State  []byte // opaque to the store
	Time   time.Time
}

// Snapshots stores the newest snapshot of each stream.
type Snapshots interface {
	// Load returns the snapshot of s. It returns [core.ErrNotFound] where the snapshot is missing, has another schema, or
	// is not authentic; the error wraps [core.ErrCorrupt] too where it was changed or forged.
	Load(ctx context.Context, s core.Stream, schema string) (Snapshot, error)

	// Save stores each snapshot that is newer than the stored one or has another schema.
	Save(ctx context.Context, snapshots []Snapshot) error
}
