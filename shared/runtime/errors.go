package runtime

import (
	"errors"
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Errors of the runtime's rooms, besides those of packages core and port.
var (
	// ErrUnknown: no module has a category, command, view or query of this name.
	ErrUnknown = errors.New("unknown")
	// ErrInternal: only processes may send the command.
	ErrInternal = errors.New("internal command")
	// ErrCommandReused: the command id was used before with another name or body.
	ErrCommandReused = errors.New("command id reused with another body")
	// ErrOverloaded: the configured limit of commands in flight is reached. Nothing was done; a retry may succeed.
	ErrOverloaded = errors.New("too many in flight")
	// ErrStatusesFull: the stored results of asynchronous commands take the configured maximum of space. New asynchronous
	// commands are rejected until earlier results expire.
	ErrStatusesFull = errors.New("the store of command results is full")
	// ErrFuture: the stream has not reached this version, or had no event at this time.
	ErrFuture = errors.New("the stream has no such version")
)

// PreconditionError is returned for a command that expected a version that the stream does not have.
type PreconditionError struct {
	Stream           core.Stream
	Expected, Actual core.Version
}

func (e *PreconditionError) Error() string {
	return fmt.Sprintf("%s has version %d, not %d", e.Stream, e.Actual, e.Expected)
}

// NotReachedError is returned if a view has not reached a position when the wait for it times out.
type NotReachedError struct {
	View            string
	Wanted, Reached core.Position
}

func (e *NotReachedError) Error() string {
	return fmt.Sprintf("view %s is at %s, not yet at %s", e.View, e.Reached, e.Wanted)
}

// BeyondEndError is returned for a position that no commit has: the log ends before it.
type BeyondEndError struct{ Wanted, End core.Position }

func (e *BeyondEndError) Error() string {
	return fmt.Sprintf("there is no commit at %s: the partition ends at %s", e.Wanted, e.End)
}

// SetDefault sets an option that is not positive to its default.
func SetDefault[T int | time.Duration](value *T, standard T) {
	if *value <= 0 {
		*value = standard
	}
}
