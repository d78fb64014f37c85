package core

import "time"

// Event is a fact of a domain, in the past tense: a plain struct whose kind is given where it is applied.
type Event any

// SnapshotPolicy says how an aggregate's state is saved.
type SnapshotPolicy struct {
	// Every is how many commits after the last snapshot the next one is written; 0 takes the service's
	// setting, a negative number means never.
	Every int
	// Version is raised when the evolve functions change what they compute while the state's type stays the
	// same; snapshots of another version, like those of another type, are ignored.
	Version int
}

// Meta is what a fold may know of an event besides its payload.
type Meta struct {
	Key      string // of the document that is folded
	Stream   Stream
	Version  Version // of the stream with this event
	Position Position
	Time     time.Time // when the command was decided, UTC
}
