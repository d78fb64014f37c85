package runtime

import (
	"errors"
	"fmt"

	"orchestrix/shared/es"
)

// Besides the errors of package es, what the runtime returns.
var (
	// ErrUnknown says that no module has the category, command, view or query of this name.
	ErrUnknown = errors.New("unknown")
	// ErrCommandReused says that a command id has come before with another name or body.
	ErrCommandReused = errors.New("command id reused with another body")
	// ErrOverloaded says that as much is in flight as the configuration allows: try again later.
	ErrOverloaded = errors.New("too much in flight")
	// ErrOutcomesFull says that no more commands can be taken for later until outcomes of earlier ones are forgotten.
	ErrOutcomesFull = errors.New("there is no room for more outcomes of commands")
	// ErrFuture says that a stream has not had this version, or no event at this time.
	ErrFuture = errors.New("the stream has no such version")
)

// PreconditionError says that a command expected a version that the stream does not have.
type PreconditionError struct {
	Stream           es.Stream
	Expected, Actual es.Version
}

func (e *PreconditionError) Error() string {
	return fmt.Sprintf("%s has version %d, not %d", e.Stream, e.Actual, e.Expected)
}

// NotReachedError says that a view had not reached a position when the wait for it ended.
type NotReachedError struct {
	View            string
	Wanted, Reached es.Position
}

func (e *NotReachedError) Error() string {
	return fmt.Sprintf("view %s stands at %s, not yet at %s", e.View, e.Reached, e.Wanted)
}
