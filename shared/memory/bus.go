package memory

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"orchestrix/shared/port"
)

// Bus is a message bus in memory.
type Bus struct {
	mu      sync.Mutex
	queues  map[port.Topic]*queue
	dead    []port.DeadLetter // by number
	numbers uint64
}

var _ port.MessageBus = (*Bus)(nil)

const (
	maxQueued       = 100_000 // messages of a topic; more are refused
	maxDead         = 100_000 // dead letters; a message that would be one more is tried again instead
	duplicateWindow = 2 * time.Minute
)

// queue is the messages of a topic, by the stream they are for. The bus's lock guards it.
type queue struct {
	topic   port.Topic
	lanes   map[string][]*queued // by stream; the first of a lane may be at work
	ready   []string             // lanes whose first message can be handled, the longest ready first
	waiting *sync.Cond           // something is ready, or a worker stops
	size    int
	seen    map[string]time.Time // ids published not long ago
	pruned  time.Time            // when seen was last cleaned
	group   string               // of the workers
	workers int
}

type queued struct {
	port.Delivery
	lane string
}

// NewBus returns an empty bus.
func NewBus() *Bus {
	b := &Bus{queues: map[port.Topic]*queue{}}
	for _, topic := range port.Topics {
		b.queues[topic] = &queue{
			topic: topic, lanes: map[string][]*queued{}, seen: map[string]time.Time{}, waiting: sync.NewCond(&b.mu),
		}
	}
	return b
}

// Publish implements [port.Publisher].
func (b *Bus) Publish(ctx context.Context, topic port.Topic, m port.Message) error {
	if err := port.CheckTopic(topic); err != nil {
		return err
	}
	if err := check(ctx, m.Check()); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[topic]
	if q.repeated(m.ID, time.Now()) {
		return nil
	}
	if err := q.add(m); err != nil {
		return err
	}
	q.seen[m.ID] = time.Now()
	return nil
}

func (q *queue) repeated(id string, now time.Time) bool {
	if now.Sub(q.pruned) > duplicateWindow/4 {
		q.pruned = now
		maps.DeleteFunc(q.seen, func(_ string, at time.Time) bool { return now.Sub(at) > duplicateWindow })
	}
	at, seen := q.seen[id]
	return seen && now.Sub(at) <= duplicateWindow
}

// add puts a message at the end of its lane.
func (q *queue) add(m port.Message) error {
	if q.size >= maxQueued {
		return fmt.Errorf("%w: topic %s is full: %d messages wait for a worker", port.ErrUnavailable, q.topic, q.size)
	}
	q.size++
	added := &queued{lane: m.To.Path(), Delivery: port.Delivery{Message: copied(m), Published: time.Now().UTC()}}
	q.lanes[added.lane] = append(q.lanes[added.lane], added)
	if len(q.lanes[added.lane]) == 1 {
		q.makeReady(added.lane)
	}
	return nil
}

func copied(m port.Message) port.Message {
	m.Header = maps.Clone(m.Header)
	m.Data = append([]byte(nil), m.Data...)
	return m
}

func (q *queue) makeReady(lane string) {
	q.ready = append(q.ready, lane)
	q.waiting.Signal()
}

// Subscribe implements [port.Subscriber].
func (b *Bus) Subscribe(ctx context.Context, topic port.Topic, s port.Subscription, handle port.Handler) error {
	s, err := s.WithDefaults()
	if err != nil {
		return err
	}
	if err := port.CheckTopic(topic); err != nil {
		return err
	}
	q := b.queues[topic]
	if err := b.join(q, s.Group); err != nil {
		return err
	}
	defer b.leave(q)
	defer context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		q.waiting.Broadcast()
	})()
	var workers sync.WaitGroup
	for range s.MaxInFlight {
		workers.Go(func() {
			for m := b.take(ctx, q); m != nil; m = b.take(ctx, q) {
				b.done(q, s, m, port.Deliver(context.WithoutCancel(ctx), handle, port.Delivery{
					Message: copied(m.Message), Published: m.Published, Attempt: m.Attempt,
				}))
			}
		})
	}
	workers.Wait()
	return nil
}

func (b *Bus) join(q *queue, group string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q.workers > 0 && q.group != group {
		return fmt.Errorf("topic %s has the group %s: a topic has one, %s can't have it too", q.topic, q.group, group)
	}
	q.group = group
	q.workers++
	return nil
}

func (b *Bus) leave(q *queue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q.workers--
}

// take waits for a message; nil when ctx has ended.
func (b *Bus) take(ctx context.Context, q *queue) *queued {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(q.ready) == 0 && ctx.Err() == nil {
		q.waiting.Wait()
	}
	if ctx.Err() != nil {
		if len(q.ready) > 0 {
			q.waiting.Signal() // the wake-up may have been for another worker
		}
		return nil
	}
	m := q.lanes[q.ready[0]][0]
	q.ready = q.ready[1:]
	m.Attempt++
	return m
}

// done does with a message what its handler's error says.
func (b *Bus) done(q *queue, s port.Subscription, m *queued, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		pause, again := port.Verdict(s.Retry, m.Attempt, err)
		if !again && len(b.dead) >= maxDead {
			pause, again = s.Retry.Pause(m.Attempt), true
		}
		if again {
			time.AfterFunc(pause, func() {
				b.mu.Lock()
				defer b.mu.Unlock()
				q.makeReady(m.lane)
			})
			return
		}
		b.bury(q.topic, s.Group, m, err)
	}
	q.size--
	if q.lanes[m.lane] = q.lanes[m.lane][1:]; len(q.lanes[m.lane]) > 0 {
		q.makeReady(m.lane)
	} else {
		delete(q.lanes, m.lane)
	}
}

// bury makes a dead letter. The caller holds the lock.
func (b *Bus) bury(topic port.Topic, group string, m *queued, err error) {
	b.numbers++
	b.dead = append(b.dead, port.DeadLetter{
		Message: m.Message, Number: b.numbers, Topic: topic, Group: group, Error: err.Error(), Attempts: m.Attempt,
		Published: m.Published, Died: time.Now().UTC(),
	})
}
