package query

import (
	"context"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

const (
	// endDelay is how long a request waits for a position before the end of the log is read: most views are faster, and then
	// reading them needs no log.
	endDelay   = 100 * time.Millisecond
	endTimeout = 2 * time.Second // of one read of the end
)

// logEnd knows how far one partition of the log reaches. Requests that ask at the same time share a read.
type logEnd struct {
	head  func(ctx context.Context) (port.Head, error)
	token chan struct{} // holds one token while no caller uses the fields below
	began time.Time     // of the newest read
	last  port.Head
	err   error
}

func newLogEnds(log LogReader) []*logEnd {
	ends := make([]*logEnd, log.Partitions())
	for partition := range ends {
		ends[partition] = &logEnd{
			head:  func(ctx context.Context) (port.Head, error) { return log.Head(ctx, partition) },
			token: make(chan struct{}, 1),
		}
		ends[partition].token <- struct{}{}
	}
	return ends
}

// check returns [*runtime.BeyondEndError] if no commit can have the position. A position that was committed before the call is
// never beyond the end: the leader of the log is asked after the call began. While the end can't be read, and after
// the end of ctx, check returns nil.
func (e *logEnd) check(ctx context.Context, p core.Position) error {
	called := time.Now()
	select {
	case <-e.token:
		defer func() { e.token <- struct{}{} }()
	case <-ctx.Done():
		return nil
	}
	if p.Sequence <= e.last.Position.Sequence {
		return nil
	}
	if !e.began.After(called) {
		bounded, cancel := context.WithTimeout(ctx, endTimeout)
		defer cancel()
		began := time.Now()
		head, err := e.head(bounded)
		if ctx.Err() != nil {
			return nil // the caller waits no longer: others read again
		}
		e.began, e.err = began, err
		if err == nil {
			e.last = head
		}
	}
	if e.err != nil || e.last.Uncertain || p.Sequence <= e.last.Position.Sequence {
		return nil
	}
	return &runtime.BeyondEndError{Wanted: p, End: e.last.Position}
}
