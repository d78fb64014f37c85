package es

import (
	"errors"
	"fmt"
)

// What the ports return; adapters wrap them around the driver's own error.
var (
	// ErrConflict says that the stream has moved on since it was read.
	ErrConflict = errors.New("the stream has moved on")
	// ErrNoStream says that the stream has no event.
	ErrNoStream = errors.New("no such stream")
	// ErrNotFound says that a document or a snapshot is not there.
	ErrNotFound = errors.New("not found")
	// ErrTooLarge says that a commit is larger than the log takes.
	ErrTooLarge = errors.New("commit too large")
	// ErrUnavailable says that the log or the read side could not be reached in time. After an append it
	// means that the outcome is unknown: the same command id may be tried again, and is decided once.
	ErrUnavailable = errors.New("unavailable")
	// ErrCorrupt says that the log holds what no correct writer wrote: a hole in the versions of a stream,
	// an entry that is no commit. It is never folded.
	ErrCorrupt = errors.New("corrupt log")
	// ErrUnknownEvent says that no registered event has this kind and schema version.
	ErrUnknownEvent = errors.New("unknown event")
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
	// ErrBadQuery says that a list asked for what the view does not offer: an undeclared field, a value of
	// the wrong type, a cursor of another list.
	ErrBadQuery = errors.New("bad query")
	// ErrBadToken says that a tenant, category, id or command id has a form that is not allowed.
	ErrBadToken = errors.New("bad token")
	// ErrBadPosition says that a text is not a position of this log.
	ErrBadPosition = errors.New("bad position")
	// ErrInboxFull says that no more can wait for a parked process instance.
	ErrInboxFull = errors.New("the inbox is full")
	// ErrBadPayload says that a payload is not the JSON that its type takes.
	ErrBadPayload = errors.New("bad payload")
)

// ConflictError is an [ErrConflict] whose versions are known.
type ConflictError struct {
	Stream           Stream
	Expected, Actual Version
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

// Rejection is the domain's "no" to a well-formed command. Code is stable and meant for programs
// ("order-already-shipped"), Message is for people.
type Rejection struct {
	Code    string
	Message string
}

func (r *Rejection) Error() string { return r.Code + ": " + r.Message }

// Reject is what a decide function returns to say no.
func Reject(code, format string, args ...any) ([]Event, error) {
	return nil, &Rejection{Code: code, Message: fmt.Sprintf(format, args...)}
}
