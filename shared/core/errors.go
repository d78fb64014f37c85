package core

import "errors"

// Errors of the vocabulary. Functions wrap them with details.
var (
	// ErrNotFound: the document or the snapshot does not exist.
	ErrNotFound = errors.New("not found")
	// ErrCorrupt: the log holds a commit that no correct writer produces, such as one that leaves a gap in the versions of its
	// stream, or a message that is not a commit. Such commits and messages are never folded.
	ErrCorrupt = errors.New("corrupt log")
	// ErrNoise: the log holds a message there that is no commit. Readers pass over it.
	ErrNoise = errors.New("not a commit")
	// ErrUnknownEvent: no registered event has this kind and schema version.
	ErrUnknownEvent = errors.New("unknown event")
	// ErrBadQuery: a list query names an undeclared field, a value of the wrong type, or a cursor of another list.
	ErrBadQuery = errors.New("bad query")
	// ErrBadToken: a tenant, category, id or command id is malformed.
	ErrBadToken = errors.New("bad token")
	// ErrBadPosition: a text is not a position of this log.
	ErrBadPosition = errors.New("bad position")
	// ErrInboxFull: the queue of a parked process instance is full.
	ErrInboxFull = errors.New("the inbox is full")
	// ErrBadPayload: a payload does not decode into its type.
	ErrBadPayload = errors.New("bad payload")
)

// Rejection is the error of a well-formed command that the domain does not accept. Code is stable, for programs
// ("order-already-shipped"); Message is for people.
type Rejection struct {
	Code    string
	Message string
}

// Error returns code and message.
func (r *Rejection) Error() string { return r.Code + ": " + r.Message }
