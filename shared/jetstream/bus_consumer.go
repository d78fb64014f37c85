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

// maxHeld is how many messages of a partition its owner holds: those in a handler, and those that wait for another of
// their stream.
const maxHeld = 1024

// serverAckWait is the time after which the server delivers an unacknowledged message again. It should never pass: the
// owner of a partition holds its messages until they are handled, and where the owner is gone, its consumer is deleted.
const serverAckWait = time.Hour

// errCodeNotUnique: the work queue has another consumer for the same messages.
const errCodeNotUnique jetstream.ErrorCode = 10100

// consumerOwner is whom a consumer belongs to. Its name is <group>-<partition>-<worker>-<number>.
type consumerOwner struct {
	group     string
	partition int
	worker    string
}

func consumerName(o consumerOwner, number int64) string {
	return fmt.Sprintf("%s-%d-%s-%d", o.group, o.partition, o.worker, number)
}

func parseConsumerName(name string) (o consumerOwner, ok bool) {
	parts := strings.Split(name, "-")
	n := len(parts)
	if n < 4 {
		return o, false
	}
	partition, err := strconv.Atoi(parts[n-3])
	return consumerOwner{strings.Join(parts[:n-3], "-"), partition, parts[n-2]}, err == nil
}

// claim creates the consumer that makes this worker the owner of the partition. It returns errOwned if another worker is.
func (p *partition) claim(ctx context.Context) (jetstream.Consumer, error) {
	for try := range 3 {
		p.claims++
		name := consumerName(consumerOwner{p.Group, p.number, p.id}, p.claims)
		consumer, err := p.createConsumer(ctx, name)
		var refused *jetstream.APIError
		if err == nil || !errors.As(err, &refused) {
			p.consumer = name // without an answer it may exist
		}
		if err == nil {
			p.bus.failover.succeeded()
			return consumer, nil
		}
		p.bus.failover.failed(ctx, err)
		if !errors.As(err, &refused) || refused.ErrorCode != errCodeNotUnique {
			return nil, unavailable("create consumer "+name, err)
		}
		others, err := p.evictOwners(ctx)
		if err != nil {
			return nil, err
		}
		if try > 0 && others != nil {
			return nil, unavailable("topic "+string(p.topic), fmt.Errorf("a consumer that Orchestrix did not create takes its messages, one of %q: delete it", others))
		}
	}
	return nil, errOwned // another worker was faster
}

// createConsumer does not end with ctx: whether the consumer exists would be unknown.
func (p *partition) createConsumer(ctx context.Context, name string) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.bus.config.AckTimeout)
	defer cancel()
	return p.queue().CreateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: name, FilterSubject: p.bus.config.topicPrefix(p.topic) + strconv.Itoa(p.number) + ".>",
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: serverAckWait, MaxDeliver: -1, MaxAckPending: maxHeld,
	})
}

// evictOwners deletes the consumers of the partition whose owner is gone, and earlier ones of this worker. It returns
// errOwned if an owner is alive, and, if the partition has no consumer, all other consumers of the queue.
func (p *partition) evictOwners(ctx context.Context) (others []string, err error) {
	others, err = p.consumerNames(ctx)
	if err != nil {
		return nil, err
	}
	owned := false
	for _, name := range others {
		if o, ok := parseConsumerName(name); ok && o.partition == p.number {
			owned = true
			if err := p.evictOwner(ctx, name, o); err != nil {
				return nil, err
			}
		}
	}
	if owned {
		return nil, nil
	}
	return others, nil
}

// consumerNames are the names of all consumers of the queue.
func (w *worker) consumerNames(ctx context.Context) (all []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.bus.config.AckTimeout)
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

func (p *partition) evictOwner(ctx context.Context, name string, o consumerOwner) error {
	if o.worker == p.id {
		return p.deleteConsumer(ctx, name)
	}
	last, heard, silent := p.peerState(o.worker)
	switch {
	case heard && o.group < p.Group: // both groups have started concurrently, and one has to end
		return p.conflictingGroup(o.group)
	case !silent && !heard || slices.Contains(last.Owns, p.number):
		return errOwned
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
		return errOwned // it pulls messages, or has not yet announced that it owns the partition
	}
	p.state.Lock()
	p.suspectedTo = max(p.suspectedTo, info.Delivered.Stream)
	p.state.Unlock()
	p.bus.config.Logger.WarnContext(ctx, "taking over from a worker that is silent",
		"topic", p.topic, "group", o.group, "partition", p.number, "worker", o.worker, "unacknowledged", info.NumAckPending)
	return p.deleteConsumer(ctx, name)
}

// deleteConsumer deletes a consumer. Its unacknowledged messages stay in the queue.
func (p *partition) deleteConsumer(ctx context.Context, name string) error {
	err := p.queue().DeleteConsumer(ctx, name)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return unavailable("delete consumer "+name, err)
	}
	return nil
}

func (w *worker) queue() jetstream.Stream { return w.bus.queues[w.topic] }
