package port

import (
	"context"
	"errors"
	"fmt"
)

// Restorable is a log that a backup can be restored into. A restore begins on an empty log. From then on until its end, the log is
// closed: [Head.Restoring] is set, Append returns [ErrRestoring] to all writers but the restore, and services wait where they open
// the log. Followers that have opened the empty log before see the mark with the first commits that they get.
type Restorable interface {
	Log

	// BeginRestore closes the log and returns it as the restore writes to it. backup identifies what is restored. An interrupted
	// restore of the same backup continues if again is set. The errors are those of [CheckRestore], and [ErrUnavailable].
	BeginRestore(ctx context.Context, backup string, again bool) (Log, error)
	// EndRestore opens the log to all. It returns [ErrUnavailable].
	EndRestore(ctx context.Context) error
}

// Errors of a restore.
var (
	// ErrNotEmpty: the log holds commits, and no restore has been interrupted.
	ErrNotEmpty = errors.New("the log is not empty")
	// ErrRestoring is an [ErrUnavailable] of a log whose restore has not ended.
	ErrRestoring = fmt.Errorf("%w until the restore of the log has ended", ErrUnavailable)
)

// CheckRestore decides whether the restore of a backup may begin on a log that is marked with the backup of an earlier restore, if
// any, or continue there if again is set. It returns [ErrNotEmpty] for a log in use, and [ErrRestoring] for one that an interrupted
// restore has left.
func CheckRestore(marked, backup string, again, empty bool) error {
	switch {
	case marked == "" && !empty:
		return fmt.Errorf("%w: restore into a new log; one that was restored completely is in use already", ErrNotEmpty)
	case marked == "":
		return nil
	case marked != backup:
		return fmt.Errorf("%w: that was a restore of another backup; continue that one, or begin with a new log", ErrRestoring)
	case !again:
		return fmt.Errorf("%w: it was interrupted, or still runs; if it was interrupted, continue it with --continue", ErrRestoring)
	}
	return nil
}
