package runtime

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"orchestrix/shared/es"
)

// sizeAge is how long a size counts that was asked for.
const sizeAge = time.Second

// DefaultOutcomesBytes is how much outcomes may take, where nothing else is said.
const DefaultOutcomesBytes = 1 << 30

// outcomesLimit bounds how much the outcomes take; without size there is no limit.
type outcomesLimit struct {
	most uint64 // bytes
	size func(context.Context) (uint64, error)

	turn  chan struct{} // holds a token while nobody looks at what follows
	used  uint64
	asked time.Time
}

// LimitTo lets nobody have commands taken for later while the outcomes that are kept, as size tells it in bytes, take most
// or more; 0 is [DefaultOutcomesBytes]. Commands that come over the bus by themselves, as those of processes do, have a quarter more; then they wait
// in their queue. A command that is known is decided and its outcome kept in any case. size is asked once a second at
// most, so that a little more than the limit may be kept. It returns o.
func (o *Outcomes) LimitTo(most uint64, size func(context.Context) (uint64, error)) *Outcomes {
	o.limit.most, o.limit.size, o.limit.turn = cmp.Or(most, DefaultOutcomesBytes), size, make(chan struct{}, 1)
	o.limit.turn <- struct{}{}
	return o
}

// room returns an error that wraps [ErrOutcomesFull] where there is none for another outcome.
func (l *outcomesLimit) room(ctx context.Context, most uint64) error {
	if l.size == nil {
		return nil
	}
	select {
	case <-l.turn: // of one who asks for all
		defer func() { l.turn <- struct{}{} }()
	case <-ctx.Done():
		return fmt.Errorf("%w: how much the outcomes of commands take: %w", es.ErrUnavailable, ctx.Err())
	}
	if time.Since(l.asked) > sizeAge {
		used, err := l.size(ctx)
		if err != nil {
			return fmt.Errorf("how much the outcomes of commands take: %w", err)
		}
		l.used, l.asked = used, time.Now()
	}
	if l.used >= most {
		return fmt.Errorf("%w: they take %d bytes, and may take %d", ErrOutcomesFull, l.used, most)
	}
	return nil
}

// roomForClients is for a command that a client wants taken for later.
func (l *outcomesLimit) roomForClients(ctx context.Context) error { return l.room(ctx, l.most) }

// roomOnTheBus is for a command that has come over the bus, and that nobody has made known before.
func (l *outcomesLimit) roomOnTheBus(ctx context.Context) error { return l.room(ctx, l.most+l.most/4) }
