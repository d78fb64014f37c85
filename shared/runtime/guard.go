package runtime

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"orchestrix/shared/es"
)

// LogMismatchError says that a view was built from another log than the one that is there.
type LogMismatchError struct {
	Build    es.Build
	Position es.Position
	Differs  string
}

func (e *LogMismatchError) Error() string {
	return fmt.Sprintf("%s stands at %s of another log: %s; if this log is the right one, build the view again from it: orchestrix projections rebuild %s",
		e.Build, e.Position, e.Differs, e.Build.View)
}

// markOf is what a checkpoint keeps of the log: times as exact as every store keeps them.
func markOf(created time.Time, last *es.Commit) es.LogMark {
	return es.LogMark{Created: created.UTC().Truncate(time.Microsecond), Commit: last.Digest()}
}

// checkLog returns a [*LogMismatchError] where the log is not the one that the checkpoint stands on, and otherwise the end
// of the partition.
func checkLog(ctx context.Context, feed es.Feed, c es.Checkpoint) (es.Head, error) {
	head, err := feed.Head(ctx, c.Position.Partition)
	if err != nil {
		return es.Head{}, err
	}
	if c.Position.Sequence == 0 || c.Mark.Created.IsZero() {
		return head, nil
	}
	differs := ""
	switch now := head.Created.UTC().Truncate(time.Microsecond); {
	case !now.Equal(c.Mark.Created):
		differs = fmt.Sprintf("the partition was created at %s, that of the view at %s", now.Format(time.RFC3339Nano), c.Mark.Created.Format(time.RFC3339Nano))
	case head.Position.Sequence < c.Position.Sequence:
		differs = fmt.Sprintf("the partition ends at %s", head.Position)
	default:
		commit, err := es.CommitAt(ctx, feed, c.Position)
		if err != nil {
			return es.Head{}, err
		}
		if !bytes.Equal(commit.Digest(), c.Mark.Commit) {
			differs = "the commit there is another one"
		}
	}
	if differs != "" {
		return es.Head{}, &LogMismatchError{Build: c.Build, Position: c.Position, Differs: differs}
	}
	return head, nil
}
