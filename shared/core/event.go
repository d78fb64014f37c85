package core

import "time"

// Event is a fact of a domain, named in the past tense: a plain struct. Its kind is given where it is registered.
type Event any

// SnapshotPolicy configures snapshots of an aggregate's state.
type SnapshotPolicy struct {
	// Every is the number of commits between two snapshots; 0 is the service's setting, a negative number disables
	// snapshots.
	Every int
	// Version has to be raised when the evolve functions compute something else while the state's type stays the same.
	// Snapshots of another version, or of another type, are ignored.
	Version int
}

// Meta describes an event besides its payload, for folds and reactions.
type Meta struct {
	Key      string // of the folded document; in a reaction, the id of the instance
	Stream   Stream
	Version  Version // of the stream with this event
	Position Position
	Time     time.Time // when the command was decided, UTC
}
