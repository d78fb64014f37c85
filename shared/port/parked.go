package port

import (
	"context"
	"fmt"
	"orchestrix/shared/core"
	"time"
)

// Lane is the line in which events wait, in order, behind one that could not be applied. Where the document is
// known it is that document's, else that of the event's stream.
type Lane struct {
	Tenant string
	Name   string // made by [DocumentLane] and [StreamLane]
}

// DocumentLane is where the events of a document wait.
func DocumentLane(k DocumentKey) Lane { return Lane{Tenant: k.Tenant, Name: "document/" + k.Key} }

// StreamLane is where the events of a stream wait whose documents are not known.
func StreamLane(s core.Stream) Lane {
	return Lane{Tenant: s.Tenant, Name: "stream/" + s.Category + "/" + s.ID}
}

// Document is the key of the lane's document; false where the lane is a stream's.
func (l Lane) Document() (DocumentKey, bool) {
	const prefix = "document/"
	if len(l.Name) > len(prefix) && l.Name[:len(prefix)] == prefix {
		return DocumentKey{Tenant: l.Tenant, Key: l.Name[len(prefix):]}, true
	}
	return DocumentKey{}, false
}

// Parking puts one event into a lane.
type Parking struct {
	Lane     Lane
	Stream   core.Stream
	Position core.Position
	Event    int    // its index in the commit; -1 is the whole commit, which can't be read
	Type     string // of the event, where it is known
	Failure  *Failure
}

// Failure says why an event could not be applied. An event without one waits behind another.
type Failure struct {
	Message string
	Causes  []string // what the error wraps, from the outermost
	Group   string   // the same for failures of one kind
}

// Parked is an event that waits.
type Parked struct {
	Parking
	ID        int64 // rises in the order of each lane
	Build     core.Build
	Attempts  int
	At        time.Time // when it was parked
	Attempted time.Time // when it was tried last
	Behind    int       // how many events wait behind it; only where it has failed
}

// ParkedQuery asks for failed events, which stand at the heads of their lanes.
type ParkedQuery struct {
	View  string // empty: all
	Group string // empty: all
	After int64  // only those with a greater ID
	Limit int
}

// Drain is one transaction that applies the first events of a lane.
type Drain struct {
	Lane Lane
	IDs  []int64       // of the events, as they stand in the lane
	Keys []DocumentKey // of the documents that may change: unique, in order
	By   *core.Action  // what a person asked for; nil goes on with what was asked before
}

// DrainFunc applies the events of a drain. The first done of them leave the lane; where failure is not nil,
// the next one has failed again.
type DrainFunc func(current Current) (outcome FoldResult, done int, failure *Failure, err error)

// ParkedStore keeps the events that a view could not apply.
type ParkedStore interface {
	// Parked are failed events, in the order of their IDs.
	Parked(ctx context.Context, q ParkedQuery) ([]Parked, error)

	// ParkedEvent returns one event that waits, or [core.ErrNotFound].
	ParkedEvent(ctx context.Context, id int64) (Parked, error)

	// Waiting are the first events of a lane, in order.
	Waiting(ctx context.Context, b core.Build, lane Lane, limit int) ([]Parked, error)

	// Drain applies the first events of a lane while no projection writes the build. It returns [ErrMoved],
	// with nothing written, where the lane no longer starts with d.IDs.
	Drain(ctx context.Context, view core.ViewSpec, d Drain, apply DrainFunc) error

	// Skip removes a failed event for good. It returns [core.ErrNotFound] where the event does not wait, and
	// [ErrMoved] where it is not the first of its lane.
	Skip(ctx context.Context, id int64, by core.Action) error
}

// String says which event it is.
func (p Parking) String() string {
	return fmt.Sprintf("%s at %s of %s", p.Type, p.Position, p.Stream)
}
