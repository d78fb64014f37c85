package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// DeadLetters implements [port.DeadLetters].
func (b *Bus) DeadLetters(ctx context.Context, q port.DeadLetterQuery) ([]port.DeadLetter, error) {
	if q.Topic != "" {
		if err := port.CheckTopic(q.Topic); err != nil {
			return nil, err
		}
	}
	if q.Group != "" {
		if err := core.CheckToken("group", q.Group); err != nil {
			return nil, err
		}
	}
	subject := b.config.deadPrefix() + cmp.Or(string(q.Topic), "*") + "." + cmp.Or(q.Group, "*") + ".>"
	var found []port.DeadLetter
	for len(found) < cmp.Or(q.Limit, port.DefaultDeadLetters) {
		raw, err := b.dead.GetMsg(ctx, q.After+1, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return nil, unavailable("read dead letters", err)
		}
		d, err := b.decodeDeadLetter(raw)
		if err != nil {
			return nil, err
		}
		found = append(found, d)
		q.After = d.Number
	}
	return found, nil
}

// DeadLetter implements [port.DeadLetters].
func (b *Bus) DeadLetter(ctx context.Context, number uint64) (port.DeadLetter, error) {
	if number == 0 {
		return port.DeadLetter{}, noDeadLetter(number)
	}
	raw, err := b.dead.GetMsg(ctx, number)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return port.DeadLetter{}, noDeadLetter(number)
	}
	if err != nil {
		return port.DeadLetter{}, unavailable("read dead letter "+strconv.FormatUint(number, 10), err)
	}
	return b.decodeDeadLetter(raw)
}

func noDeadLetter(number uint64) error {
	return fmt.Errorf("%w: dead letter %d", core.ErrNotFound, number)
}

// RetryDeadLetter implements [port.DeadLetters]. After an interruption between its two steps, or two concurrent calls, the
// message is deduplicated by the number of the dead letter within the duplicate window; later it may be published twice.
func (b *Bus) RetryDeadLetter(ctx context.Context, number uint64) error {
	d, err := b.DeadLetter(ctx, number)
	if err != nil {
		return err
	}
	if err := port.CheckTopic(d.Topic); err != nil {
		return err
	}
	if err := d.Check(); err != nil {
		return fmt.Errorf("dead letter %d can't be published again, drop it: %w", number, err)
	}
	// Because of the space it differs from the ids of all messages.
	unique := "retry " + strconv.FormatUint(number, 10) + " " + d.ID
	if err := b.publish(ctx, encodeMessage(b.messageSubject(d.Topic, &d.Message), unique, d.Message), d.ID); err != nil {
		return err
	}
	return b.DropDeadLetter(ctx, number)
}

// DropDeadLetter implements [port.DeadLetters].
func (b *Bus) DropDeadLetter(ctx context.Context, number uint64) error {
	if number == 0 {
		return noDeadLetter(number)
	}
	err := b.dead.DeleteMsg(ctx, number)
	if errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		if _, err := b.DeadLetter(ctx, number); err != nil {
			return err
		}
	}
	if err != nil {
		return unavailable("drop dead letter "+strconv.FormatUint(number, 10), err)
	}
	return nil
}
