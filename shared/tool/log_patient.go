package tool

import (
	"context"
	"errors"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/retry"
)

// toolPatience is the time for which the tool retries while the log is unavailable, for example during the election of a
// leader. It is shorter than the time limit of [port.Walk] for a log that delivers nothing.
const toolPatience = 15 * time.Second

var toolPauses = retry.Policy{First: 50 * time.Millisecond, Max: time.Second}

// patientLog retries reads while the log is unavailable.
type patientLog struct {
	port.Log
	patience time.Duration // 0 is no limit
}

// Head implements [port.Feed].
func (l patientLog) Head(ctx context.Context, partition int) (head port.Head, err error) {
	away := outage{patience: l.patience}
	for {
		head, err = l.Log.Head(ctx, partition)
		if err == nil || !away.wait(ctx, err) {
			return head, err
		}
	}
}

// Follow implements [port.Feed]: after an interruption it continues behind the last position that was handled.
func (l patientLog) Follow(ctx context.Context, after core.Position, maxBatch int, handle func(context.Context, port.Batch) error) error {
	away := outage{patience: l.patience}
	for {
		var failed error
		err := l.Log.Follow(ctx, after, maxBatch, func(ctx context.Context, batch port.Batch) error {
			if failed = handle(ctx, batch); failed == nil {
				away.end()
				after = batch.Commits[len(batch.Commits)-1].Position
			}
			return failed
		})
		switch {
		case failed != nil:
			return failed
		case err != nil && away.wait(ctx, err):
		case ctx.Err() != nil:
			return nil
		default:
			return err
		}
	}
}

// outage is a time in which the log is unavailable.
type outage struct {
	patience time.Duration
	began    time.Time
	attempts int
}

func (o *outage) end() { o.attempts = 0 }

// wait pauses and reports whether to retry after err; false if ctx has ended or patience is used up.
func (o *outage) wait(ctx context.Context, err error) bool {
	if !errors.Is(err, port.ErrUnavailable) {
		return false
	}
	if o.attempts++; o.attempts == 1 {
		o.began = time.Now()
	}
	if o.patience > 0 && time.Since(o.began) > o.patience {
		return false
	}
	return retry.Sleep(ctx, toolPauses.Pause(o.attempts))
}
