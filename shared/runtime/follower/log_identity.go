package follower

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// LogMismatchError is returned for a checkpoint that belongs to another log than the connected one.
type LogMismatchError struct {
	Build    core.Build
	Position core.Position
	Differs  string
}

func (e *LogMismatchError) Error() string {
	return fmt.Sprintf("the checkpoint of %s at %s is of another log: %s; if this log is the right one, build the view again from it with the command projections rebuild %s",
		e.Build, e.Position, e.Differs, e.Build.View)
}

// markOf returns the identity of the log that a checkpoint stores. Times have the precision that every store keeps.
func markOf(created time.Time, last *core.Commit) port.LogMark {
	return port.LogMark{Created: created.UTC().Truncate(time.Microsecond), Commit: last.Digest()}
}

// checkLog returns the end of the checkpoint's partition, or a [*LogMismatchError] if the log is not the one of the
// checkpoint.
func checkLog(ctx context.Context, feed port.Feed, c port.Checkpoint) (port.Head, error) {
	head, err := feed.Head(ctx, c.Position.Partition)
	if err == nil && head.Restoring {
		err = port.ErrRestoring
	}
	if err != nil {
		return port.Head{}, err
	}
	if c.Position.Sequence == 0 || c.Mark.Created.IsZero() {
		return head, nil
	}
	differs := ""
	switch now := head.Created.UTC().Truncate(time.Microsecond); {
	case !now.Equal(c.Mark.Created):
		differs = fmt.Sprintf("its partition was created at %s, that of the checkpoint at %s", now.Format(time.RFC3339Nano), c.Mark.Created.Format(time.RFC3339Nano))
	case head.Position.Sequence < c.Position.Sequence:
		differs = fmt.Sprintf("its partition ends at %s", head.Position)
	default:
		commit, err := port.CommitAt(ctx, feed, c.Position)
		if err != nil {
			return port.Head{}, err
		}
		if !bytes.Equal(commit.Digest(), c.Mark.Commit) {
			differs = "it has another commit there"
		}
	}
	if differs != "" {
		return port.Head{}, &LogMismatchError{Build: c.Build, Position: c.Position, Differs: differs}
	}
	return head, nil
}

// checkNotRestoring returns [port.ErrRestoring] where the commits that have come are those of a restore that has not ended: what follows
// from them may come later. A restore begins on an empty log, so a follower that has handled a commit need not ask.
func (p *partitionFollower) checkNotRestoring(ctx context.Context) error {
	if p.checkpointPosition().Sequence > 0 {
		return nil
	}
	head, err := p.follower.feed.Head(ctx, p.reader.partition)
	if err == nil && head.Restoring {
		err = port.ErrRestoring
	}
	return err
}
