package port

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// walkStall is the longest time that a log may take for the next commits that it claims to hold.
const walkStall = 20 * time.Second

// Walk calls fn with the commits of a partition after a position, in order, up to and including sequence until, which the
// partition must have reached. It returns the error of fn, [ErrUnavailable], or [core.ErrCorrupt] where the log does not
// deliver commits that it claims to hold.
func Walk(ctx context.Context, f Feed, after core.Position, until uint64, fn func([]core.Commit) error) error {
	const batch = 500
	at := after
	if at.Sequence >= until {
		return nil
	}
	stalled := errors.New("stalled")
	walking, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	timer := time.AfterFunc(walkStall, func() { stop(stalled) })
	defer timer.Stop()
	err := f.Follow(walking, after, batch, func(_ context.Context, b Batch) error {
		timer.Stop()
		commits := b.Commits
		for i := range commits {
			if commits[i].Position.Sequence > until {
				commits = commits[:i]
				break
			}
		}
		if len(commits) > 0 {
			if err := fn(commits); err != nil {
				return err
			}
		}
		at = b.Commits[len(b.Commits)-1].Position
		if at.Sequence >= until {
			return errFound
		}
		timer.Reset(walkStall)
		return nil
	})
	switch {
	case errors.Is(err, errFound):
		return nil
	case err != nil:
		return err
	case errors.Is(context.Cause(walking), stalled):
		return fmt.Errorf("%w: partition %d claims to end at %d, but delivers nothing after %d", core.ErrCorrupt, at.Partition, until, at.Sequence)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
}
