package memory

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
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
	maxQueued       = 100_000 // messages of a topic; further ones are rejected
	maxDead         = 100_000 // dead letters; beyond it, failed messages are retried without end
	duplicateWindow = 2 * time.Minute
)

// queue holds the messages of a topic, in one lane for each target stream. The lock of the bus guards it.
type queue struct {
	topic     port.Topic
	lanes     map[string][]*queued // by stream; the first message of a lane may be in flight
	ready     []string             // lanes whose first message can be handled, in the order in which they became so
	available *sync.Cond           // a lane is ready, or a subscription ends
	size      int
	published map[string]time.Time // by id, within duplicateWindow
	pruned    time.Time            // when old ids were last removed from published
	group     string               // of all subscriptions
	members   int                  // subscriptions
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
			topic: topic, lanes: map[string][]*queued{}, published: map[string]time.Time{}, available: sync.NewCond(&b.mu),
		}
	}
	return b
}

// Publish implements [port.Publisher].
func (b *Bus) Publish(ctx context.Context, topic port.Topic, m port.Message) error {
	if err := port.CheckTopic(topic); err != nil {
		return err
	}
	if err := checkCall(ctx, m.Check()); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[topic]
	if q.isDuplicate(m.ID, time.Now()) {
		return nil
	}
	if err := q.enqueue(m); err != nil {
		return err
	}
	q.published[m.ID] = time.Now()
	return nil
}

// isDuplicate reports whether a message with this id was published within duplicateWindow.
func (q *queue) isDuplicate(id string, now time.Time) bool {
	if now.Sub(q.pruned) > duplicateWindow/4 {
		q.pruned = now
		maps.DeleteFunc(q.published, func(_ string, at time.Time) bool { return now.Sub(at) > duplicateWindow })
	}
	at, ok := q.published[id]
	return ok && now.Sub(at) <= duplicateWindow
}

// enqueue appends a message to its lane.
func (q *queue) enqueue(m port.Message) error {
	if q.size >= maxQueued {
		return fmt.Errorf("%w: topic %s is full: it holds %d messages", port.ErrUnavailable, q.topic, q.size)
	}
	q.size++
	lane := m.To.Path()
	q.lanes[lane] = append(q.lanes[lane], &queued{lane: lane, Delivery: port.Delivery{Message: cloneMessage(m), Published: time.Now().UTC()}})
	if len(q.lanes[lane]) == 1 {
		q.makeReady(lane)
	}
	return nil
}

func cloneMessage(m port.Message) port.Message {
	m.Header = maps.Clone(m.Header)
	m.Data = append([]byte(nil), m.Data...)
	return m
}

func (q *queue) makeReady(lane string) {
	q.ready = append(q.ready, lane)
	q.available.Signal()
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
	if err := b.addMember(q, s.Group); err != nil {
		return err
	}
	defer b.removeMember(q)
	defer context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		q.available.Broadcast()
	})()
	var workers sync.WaitGroup
	for range s.MaxInFlight {
		workers.Go(func() {
			for m := b.nextMessage(ctx, q); m != nil; m = b.nextMessage(ctx, q) {
				b.finish(q, s, m, port.Deliver(context.WithoutCancel(ctx), handle, port.Delivery{
					Message: cloneMessage(m.Message), Published: m.Published, Attempt: m.Attempt,
				}))
			}
		})
	}
	workers.Wait()
	return nil
}

// Waiting returns the number of messages that are not handled yet, without dead letters and those for which except returns true.
func (b *Bus) Waiting(except func(topic port.Topic, to core.Stream) bool) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	waiting := 0
	for _, q := range b.queues {
		for _, lane := range q.lanes {
			if len(lane) > 0 && !except(q.topic, lane[0].To) {
				waiting += len(lane)
			}
		}
	}
	return waiting
}

// addMember adds a subscription, and rejects it where those of another group exist.
func (b *Bus) addMember(q *queue, group string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q.members > 0 && q.group != group {
		return fmt.Errorf("topic %s has the group %s: it can have only one, so not %s", q.topic, q.group, group)
	}
	q.group = group
	q.members++
	return nil
}

func (b *Bus) removeMember(q *queue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q.members--
}

// nextMessage waits for a message of a lane that is ready, and marks the lane as in flight. It returns nil when ctx has
// ended.
func (b *Bus) nextMessage(ctx context.Context, q *queue) *queued {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(q.ready) == 0 && ctx.Err() == nil {
		q.available.Wait()
	}
	if ctx.Err() != nil {
		if len(q.ready) > 0 {
			q.available.Signal() // pass on a signal that another worker can use
		}
		return nil
	}
	m := q.lanes[q.ready[0]][0]
	q.ready = q.ready[1:]
	m.Attempt++
	return m
}

// finish removes a message from its lane after its handler has succeeded; after an error it retries the message or makes it
// a dead letter.
func (b *Bus) finish(q *queue, s port.Subscription, m *queued, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		pause, again := port.NextAttempt(s.Retry, m.Attempt, err)
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
		b.addDeadLetter(q.topic, s.Group, m, err)
	}
	q.size--
	if q.lanes[m.lane] = q.lanes[m.lane][1:]; len(q.lanes[m.lane]) > 0 {
		q.makeReady(m.lane)
	} else {
		delete(q.lanes, m.lane)
	}
}

// addDeadLetter stores a message that failed permanently. The caller holds the lock.
func (b *Bus) addDeadLetter(topic port.Topic, group string, m *queued, err error) {
	b.numbers++
	b.dead = append(b.dead, port.DeadLetter{
		Message: m.Message, Number: b.numbers, Topic: topic, Group: group, Error: err.Error(), Attempts: m.Attempt,
		Published: m.Published, Died: time.Now().UTC(),
	})
}
