package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// maxHeld is how many messages of a partition its owner holds at once: those that are handled, and those that wait for
// another of their stream.
const maxHeld = 1024

// ackWaitOfServer is after how long the server gives a message again by itself. It is never meant to: the owner of a
// partition holds what it has until it is done with it, and where the owner is gone, so is its consumer.
const ackWaitOfServer = time.Hour

// errCodeNotUnique says that the work queue has another consumer for the same messages.
const errCodeNotUnique jetstream.ErrorCode = 10100

// holder is whom a consumer belongs to: its name is <group>-<partition>-<worker>-<number>.
type holder struct {
	group     string
	partition int
	worker    string
}

func consumerName(h holder, number int64) string {
	return fmt.Sprintf("%s-%d-%s-%d", h.group, h.partition, h.worker, number)
}

func parseHolder(name string) (h holder, ok bool) {
	parts := strings.Split(name, "-")
	n := len(parts)
	if n < 4 {
		return h, false
	}
	partition, err := strconv.Atoi(parts[n-3])
	return holder{strings.Join(parts[:n-3], "-"), partition, parts[n-2]}, err == nil
}

// claim creates the consumer that makes this worker the owner of the partition. It returns errTaken where another is.
func (p *partition) claim(ctx context.Context) (jetstream.Consumer, error) {
	for try := range 3 {
		p.claims++
		name := consumerName(holder{p.Group, p.number, p.id}, p.claims)
		consumer, err := p.create(ctx, name)
		var refused *jetstream.APIError
		if err == nil || !errors.As(err, &refused) {
			p.consumer = name // it may be there without an answer
		}
		if err == nil {
			p.bus.log.steer.works()
			return consumer, nil
		}
		p.bus.log.steer.failed(ctx, err)
		if !errors.As(err, &refused) || refused.ErrorCode != errCodeNotUnique {
			return nil, unavailable("create consumer "+name, err)
		}
		others, err := p.evict(ctx)
		if err != nil {
			return nil, err
		}
		if try > 0 && others != nil {
			return nil, unavailable("topic "+string(p.topic), fmt.Errorf("a consumer that is none of Orchestrix's takes its messages, one of %q: delete it", others))
		}
	}
	return nil, errTaken // somebody else was faster
}

// create does not end with ctx: it would not be known what came of it.
func (p *partition) create(ctx context.Context, name string) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.bus.log.config.AckTimeout)
	defer cancel()
	return p.queue().CreateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: name, FilterSubject: p.bus.subjectPrefix(p.topic) + strconv.Itoa(p.number) + ".>",
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWaitOfServer, MaxDeliver: -1, MaxAckPending: maxHeld,
	})
}

// evict removes the consumers of the partition whose owner is gone, and earlier ones of this worker. It returns errTaken
// where an owner is there, and, where the partition has none, all other consumers of the queue.
func (p *partition) evict(ctx context.Context) (others []string, err error) {
	others, err = p.consumers(ctx)
	if err != nil {
		return nil, err
	}
	owned := false
	for _, name := range others {
		if h, ok := parseHolder(name); ok && h.partition == p.number {
			owned = true
			if err := p.evictOne(ctx, name, h); err != nil {
				return nil, err
			}
		}
	}
	if owned {
		return nil, nil
	}
	return others, nil
}

// consumers are the names of all consumers of the queue.
func (w *worker) consumers(ctx context.Context) (all []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.bus.log.config.AckTimeout)
	defer cancel()
	names := w.queue().ConsumerNames(ctx)
	for name := range names.Name() {
		all = append(all, name)
	}
	if err := names.Err(); err != nil {
		return nil, unavailable("list the consumers of topic "+string(w.topic), err)
	}
	return all, nil
}

func (p *partition) evictOne(ctx context.Context, name string, h holder) error {
	if h.worker == p.id {
		return p.remove(ctx, name)
	}
	last, heard, silent := p.hears(h.worker)
	switch {
	case heard && h.group < p.Group: // both have started at once, and one has to go
		return p.rival(h.group)
	case !silent && !heard || slices.Contains(last.Owns, p.number):
		return errTaken
	}
	consumer, err := p.queue().Consumer(ctx, name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	if err != nil {
		return unavailable("consumer "+name, err)
	}
	info := consumer.CachedInfo()
	if info.NumWaiting > 0 || heard && info.TimeStamp.Sub(info.Created) < p.AckWait {
		return errTaken // it asks for messages, or has not yet said that it owns the partition
	}
	p.state.Lock()
	p.suspectedTo = max(p.suspectedTo, info.Delivered.Stream)
	p.state.Unlock()
	p.bus.log.config.Logger.WarnContext(ctx, "taking over from a worker that is silent",
		"topic", p.topic, "group", h.group, "partition", p.number, "worker", h.worker, "unacknowledged", info.NumAckPending)
	return p.remove(ctx, name)
}

// remove deletes a consumer. What it has not acknowledged stays in the queue.
func (p *partition) remove(ctx context.Context, name string) error {
	err := p.queue().DeleteConsumer(ctx, name)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return unavailable("delete consumer "+name, err)
	}
	return nil
}

func (w *worker) queue() jetstream.Stream { return w.bus.queues[w.topic] }
