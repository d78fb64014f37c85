package async

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

// sizeAge is how long a measured size is used.
const sizeAge = time.Second

// DefaultStatusBytes is the default maximum size of stored statuses.
const DefaultStatusBytes = 1 << 30

// statusQuota limits the size of stored statuses; without size there is no limit.
type statusQuota struct {
	limit uint64 // bytes
	size  func(context.Context) (uint64, error)

	token    chan struct{} // holds one token while no caller uses the fields below
	used     uint64        // bytes
	measured time.Time
}

// LimitTo rejects new commands of clients while the stored statuses, measured by size in bytes, take limit or more; 0 is
// [DefaultStatusBytes]. Commands that other programs and processes put on the bus have a quarter more; above that, they wait
// in their queue. A registered command is always executed and its status stored. size is called at most once per second, so
// that the limit can be exceeded slightly. LimitTo returns s.
func (s *StatusStore) LimitTo(limit uint64, size func(context.Context) (uint64, error)) *StatusStore {
	s.quota.limit, s.quota.size, s.quota.token = cmp.Or(limit, DefaultStatusBytes), size, make(chan struct{}, 1)
	s.quota.token <- struct{}{}
	return s
}

// measure returns the size of the stored statuses in bytes, at most a second old.
func (q *statusQuota) measure(ctx context.Context) (uint64, error) {
	select {
	case <-q.token: // one caller measures for all
		defer func() { q.token <- struct{}{} }()
	case <-ctx.Done():
		return 0, fmt.Errorf("%w: size of the command results: %w", port.ErrUnavailable, ctx.Err())
	}
	if time.Since(q.measured) > sizeAge {
		used, err := q.size(ctx)
		if err != nil {
			return 0, fmt.Errorf("size of the command results: %w", err)
		}
		q.used, q.measured = used, time.Now()
	}
	return q.used, nil
}

// check returns an error that wraps [runtime.ErrStatusesFull] if the stored statuses take limit bytes or more.
func (q *statusQuota) check(ctx context.Context, limit uint64) error {
	if q.size == nil {
		return nil
	}
	used, err := q.measure(ctx)
	if err == nil && used >= limit {
		err = fmt.Errorf("%w: they take %d bytes of at most %d", runtime.ErrStatusesFull, used, limit)
	}
	return err
}

// keep is how long a status is stored. Above half of the limit, final ones make room soon: otherwise one client could fill the
// store for all.
func (q *statusQuota) keep(ctx context.Context, status *runtime.AsyncStatus) time.Duration {
	if q.size == nil || !status.Final() {
		return keepStatus
	}
	if used, err := q.measure(ctx); err != nil || used < q.limit/2 {
		return keepStatus
	}
	return keepWhenFull
}

// checkClient is the check of a command that a client submits.
func (q *statusQuota) checkClient(ctx context.Context) error { return q.check(ctx, q.limit) }

// checkBus is the check of a command that arrives over the bus without being registered.
func (q *statusQuota) checkBus(ctx context.Context) error { return q.check(ctx, q.limit+q.limit/4) }
