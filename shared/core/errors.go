package core

import "errors"

// Errors of the vocabulary; what returns them adds what was wrong and where.
var (
	// ErrNotFound says that a document or a snapshot is not there.
	ErrNotFound = errors.New("not found")
	// ErrCorrupt says that the log holds what no correct writer wrote: a hole in the versions of a stream,
	// an entry that is no commit. It is never folded.
	ErrCorrupt = errors.New("corrupt log")
	// ErrUnknownEvent says that no registered event has this kind and schema version.
	ErrUnknownEvent = errors.New("unknown event")
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

// Rejection is the domain's "no" to a well-formed command. Code is stable and meant for programs
// ("order-already-shipped"), Message is for people.
type Rejection struct {
	Code    string
	Message string
}

func (r *Rejection) Error() string { return r.Code + ": " + r.Message }
