package port

import (
	"errors"
	"fmt"
	"orchestrix/shared/core"
)

// What the ports return; adapters wrap them around the driver's own error.
var (
	// ErrConflict says that the stream has moved on since it was read.
	ErrConflict = errors.New("the stream has moved on")
	// ErrNoStream says that the stream has no event.
	ErrNoStream = errors.New("no such stream")
	// ErrTooLarge says that a commit is larger than the log takes.
	ErrTooLarge = errors.New("commit too large")
	// ErrUnavailable says that the log or the read side could not be reached in time. After an append it
	// means that the outcome is unknown: the same command id may be tried again, and is decided once.
	ErrUnavailable = errors.New("unavailable")
	// ErrFenced says that another worker owns the projection's checkpoint: stop, and write nothing more.
	ErrFenced = errors.New("fenced by another worker")
	// ErrLeased says that another worker holds the lease, or that nobody may.
	ErrLeased = errors.New("leased by another worker")
	// ErrBuilding says that the view is being built already.
	ErrBuilding = errors.New("being built")
	// ErrOtherVersion says that what is asked for is about a version of the view that this program does not have.
	ErrOtherVersion = errors.New("another version of the view")
	// ErrMoved says that events that wait have changed since they were read: read them again.
	ErrMoved = errors.New("the lane has moved on")
)

// ConflictError is an [ErrConflict] whose versions are known.
type ConflictError struct {
	Stream           core.Stream
	Expected, Actual core.Version
	Cause            error // of the log; may be nil
}

func (e *ConflictError) Error() string {
	text := fmt.Sprintf("%v: append to %s expected version %d, the stream has version %d", ErrConflict, e.Stream, e.Expected, e.Actual)
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap makes the error an [ErrConflict] and its cause.
func (e *ConflictError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrConflict}
	}
	return []error{ErrConflict, e.Cause}
}
