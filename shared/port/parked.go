package port

import (
	"context"
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Lane is a queue of parked events: one that could not be applied, and later ones that depend on it. A lane belongs to a
// document, or to the event's stream where the document is not known.
type Lane struct {
	Tenant string
	Name   string // made by [DocumentLane] and [StreamLane]
}

// DocumentLane returns the lane of a document.
func DocumentLane(k DocumentKey) Lane { return Lane{Tenant: k.Tenant, Name: "document/" + k.Key} }

// StreamLane returns the lane of a stream, for events whose documents are not known.
func StreamLane(s core.Stream) Lane {
	return Lane{Tenant: s.Tenant, Name: "stream/" + s.Category + "/" + s.ID}
}

// Document returns the key of the lane's document; false for the lane of a stream.
func (l Lane) Document() (DocumentKey, bool) {
	const prefix = "document/"
	if len(l.Name) > len(prefix) && l.Name[:len(prefix)] == prefix {
		return DocumentKey{Tenant: l.Tenant, Key: l.Name[len(prefix):]}, true
	}
	return DocumentKey{}, false
}

// Parking adds one event to a lane.
type Parking struct {
	Lane     Lane
	Stream   core.Stream
	Position core.Position
	Event    int      // index in the commit; -1 is the whole commit, where it is unreadable
	Type     string   // of the event, where known
	Failure  *Failure // nil where the event waits behind another
}

// Failure is the reason why an event could not be applied.
type Failure struct {
	Message string
	Causes  []string // the wrapped errors, from the outermost
	Group   string   // equal for failures of one kind
}

// Parked is a parked event.
type Parked struct {
	Parking
	ID        int64 // rises in the order of each lane
	Build     core.Build
	Attempts  int
	At        time.Time // when the event was parked
	Attempted time.Time // the last attempt
	Behind    int       // number of events behind a failed one
}

// ParkedQuery selects failed events, which are the heads of their lanes.
type ParkedQuery struct {
	View  string // empty: all
	Group string // empty: all
	After int64  // only those with a greater ID
	Limit int
}

// LaneRetry is a transaction that applies the first events of a lane.
type LaneRetry struct {
	Lane Lane
	IDs  []int64       // of the events, in the order of the lane
	Keys []DocumentKey // of the documents that may change: unique, in order
	By   *core.Action  // an operator's request; nil for its continuation
}

// LaneRetryFunc applies the events of a [LaneRetry]. The first done of them leave the lane. A failure is that of the next one.
type LaneRetryFunc func(current FoldInput) (result FoldResult, done int, failure *Failure, err error)

// ParkedStore stores the events that a view could not apply.
type ParkedStore interface {
	// Parked returns failed events, in the order of their IDs.
	Parked(ctx context.Context, q ParkedQuery) ([]Parked, error)

	// ParkedEvent returns one parked event, or [core.ErrNotFound].
	ParkedEvent(ctx context.Context, id int64) (Parked, error)

	// Waiting returns the first events of a lane, in order.
	Waiting(ctx context.Context, b core.Build, lane Lane, limit int) ([]Parked, error)

	// RetryLane applies the first events of a lane while no projection writes the build. It returns [ErrMoved],
	// with nothing written, where the lane no longer starts with r.IDs.
	RetryLane(ctx context.Context, view core.ViewSpec, r LaneRetry, apply LaneRetryFunc) error

	// Skip removes a failed event permanently. It returns [core.ErrNotFound] where the event is not parked, and [ErrMoved]
	// where it is not the first of its lane.
	Skip(ctx context.Context, id int64, by core.Action) error
}

// String returns the type, position and stream of the event.
func (p Parking) String() string {
	return fmt.Sprintf("%s at %s of %s", p.Type, p.Position, p.Stream)
}
