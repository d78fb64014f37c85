package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// DeadLetters implements [port.DeadLetters].
func (b *Bus) DeadLetters(ctx context.Context, q port.DeadLetterQuery) ([]port.DeadLetter, error) {
	if err := checkCall(ctx, nil); err != nil {
		return nil, err
	}
	limit := cmp.Or(q.Limit, port.DefaultDeadLetters)
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []port.DeadLetter
	for _, d := range b.dead {
		if len(found) < limit && d.Number > q.After && (q.Topic == "" || d.Topic == q.Topic) && (q.Group == "" || d.Group == q.Group) {
			d.Message = cloneMessage(d.Message)
			found = append(found, d)
		}
	}
	return found, nil
}

// deadIndex returns the index of a dead letter in b.dead, or [core.ErrNotFound]. The caller holds the lock.
func (b *Bus) deadIndex(ctx context.Context, number uint64) (int, error) {
	if err := checkCall(ctx, nil); err != nil {
		return 0, err
	}
	i := slices.IndexFunc(b.dead, func(d port.DeadLetter) bool { return d.Number == number })
	if i < 0 {
		return 0, fmt.Errorf("%w: dead letter %d", core.ErrNotFound, number)
	}
	return i, nil
}

// DeadLetter implements [port.DeadLetters].
func (b *Bus) DeadLetter(ctx context.Context, number uint64) (port.DeadLetter, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i, err := b.deadIndex(ctx, number)
	if err != nil {
		return port.DeadLetter{}, err
	}
	d := b.dead[i]
	d.Message = cloneMessage(d.Message)
	return d, nil
}

// RetryDeadLetter implements [port.DeadLetters].
func (b *Bus) RetryDeadLetter(ctx context.Context, number uint64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i, err := b.deadIndex(ctx, number)
	if err != nil {
		return err
	}
	if err := b.queues[b.dead[i].Topic].enqueue(b.dead[i].Message); err != nil {
		return err
	}
	b.dead = slices.Delete(b.dead, i, i+1)
	return nil
}

// DropDeadLetter implements [port.DeadLetters].
func (b *Bus) DropDeadLetter(ctx context.Context, number uint64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i, err := b.deadIndex(ctx, number)
	if err == nil {
		b.dead = slices.Delete(b.dead, i, i+1)
	}
	return err
}
