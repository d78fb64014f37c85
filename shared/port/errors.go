package port

import (
	"errors"
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Errors of the ports. Adapters wrap the driver's error with them.
var (
	// ErrConflict: the stream, or the key, has changed since it was read.
	ErrConflict = errors.New("the stream has moved on")
	// ErrNoStream: the stream has no event.
	ErrNoStream = errors.New("no such stream")
	// ErrTooLarge: the commit, message or value exceeds the store's limit.
	ErrTooLarge = errors.New("commit too large")
	// ErrUnavailable: the backend did not answer in time, or is overloaded. The result of an append is then unknown; a retry
	// with the same command id is safe, because the command is decided once.
	ErrUnavailable = errors.New("unavailable")
	// ErrNotMigrated is an [ErrUnavailable] of a backend whose streams or tables are missing, or older than this program: they
	// wait for its command migrate.
	ErrNotMigrated = fmt.Errorf("%w until it is migrated", ErrUnavailable)
	// ErrFenced: another worker owns the lease. The caller must stop writing.
	ErrFenced = errors.New("fenced by another worker")
	// ErrLeased: another worker holds the lease, or the view is paused.
	ErrLeased = errors.New("leased by another worker")
	// ErrBuilding: a build of the view is already in progress.
	ErrBuilding = errors.New("being built")
	// ErrOtherVersion: the request concerns a version of the view that this program does not have.
	ErrOtherVersion = errors.New("another version of the view")
	// ErrMoved: the parked events have changed since they were read. Read them again.
	ErrMoved = errors.New("the lane has moved on")
)

// NotBuiltError is an [ErrUnavailable] of a view that has no build to read yet.
type NotBuiltError struct{ View string }

// Error returns the name of the view, and who builds it.
func (e *NotBuiltError) Error() string {
	return fmt.Sprintf("view %q is not built yet: the projection service builds it", e.View)
}

// Unwrap returns [ErrUnavailable].
func (e *NotBuiltError) Unwrap() error { return ErrUnavailable }

// ConflictError is an [ErrConflict] whose versions are known.
type ConflictError struct {
	Stream           core.Stream
	Expected, Actual core.Version
	Cause            error // of the log; may be nil
}

// Error returns the stream, both versions and the cause.
func (e *ConflictError) Error() string {
	text := fmt.Sprintf("%v: append to %s expected version %d, the stream has version %d", ErrConflict, e.Stream, e.Expected, e.Actual)
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap returns [ErrConflict] and the cause.
func (e *ConflictError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrConflict}
	}
	return []error{ErrConflict, e.Cause}
}
