package jetstream

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Subscribe implements [port.Subscriber].
//
// The workers of a topic share its partitions. A partition is read through one consumer, which its owner creates: a work
// queue admits no second consumer for the same messages, so at most one worker receives the messages of a partition, and
// a single reader keeps their order. A worker that takes over a partition deletes the consumer of the old owner, and with
// it the old owner's ability to acknowledge; its own consumer then delivers all unacknowledged messages again, in order.
// Workers publish heartbeats over core NATS. Heartbeats decide who should own which partition, and which worker counts as
// dead; the order of messages does not depend on them.
func (b *Bus) Subscribe(ctx context.Context, topic port.Topic, s port.Subscription, handle port.Handler) error {
	if err := port.CheckTopic(topic); err != nil {
		return err
	}
	return b.subscribe(ctx, topic, s, handle)
}

func (b *Bus) subscribe(ctx context.Context, topic port.Topic, s port.Subscription, handle port.Handler) error {
	s, err := s.WithDefaults()
	if err != nil {
		return err
	}
	w := &worker{
		bus: b, topic: topic, Subscription: s, handle: handle, id: rand.Text()[:12],
		slots: make(chan struct{}, s.MaxInFlight), peers: map[string]peer{}, woken: make(chan struct{}, 1),
	}
	return w.ownPartitions(ctx)
}

// worker is one call of Subscribe.
type worker struct {
	port.Subscription
	bus      *Bus
	topic    port.Topic
	handle   port.Handler
	id       string
	slots    chan struct{} // one for each running handler
	suspects sync.RWMutex  // locked for writing by the handler of a message that may have killed workers
	woken    chan struct{} // the assignment of partitions may have changed

	mu        sync.Mutex
	peers     map[string]peer // other workers of the topic, by id
	leaving   bool
	owns      []int
	sent      time.Time // when it sent its last heartbeat
	listening time.Time // since when it would have received heartbeats of others
}

// ownPartitions owns partitions until ctx has ended and the last of them is released.
func (w *worker) ownPartitions(ctx context.Context) error {
	subject := w.bus.config.heartbeatSubject(w.topic)
	heartbeats, err := w.bus.conn.Subscribe(subject, w.onHeartbeat)
	if err != nil {
		return unavailable("subscribe to "+subject, err)
	}
	defer heartbeats.Unsubscribe() //nolint:errcheck // it fails only on a closed connection, which has no subscriptions
	if err := w.awaitSoleGroup(ctx); err != nil || ctx.Err() != nil {
		w.setState(true, nil)
		w.sendHeartbeat(heartbeat{})
		return err
	}
	owning, release := context.WithCancel(ctx)
	defer release()
	owned := map[int]context.CancelFunc{}
	ended := make(chan ownershipEnd)
	tick := time.NewTicker(w.heartbeatInterval())
	defer tick.Stop()
	var failed error
	done := ctx.Done()
	for {
		w.assignPartitions(owning, owned, ended)
		w.setState(owning.Err() != nil, owned)
		w.sendHeartbeat(heartbeat{})
		if len(owned) == 0 && owning.Err() != nil {
			return failed
		}
		select {
		case <-done:
			done = nil // heartbeats continue, so that no peer takes a partition whose handlers still run
		case <-tick.C:
		case <-w.woken:
		case end := <-ended:
			owned[end.partition]()
			delete(owned, end.partition)
			if failed == nil && end.err != nil {
				failed = end.err
				release()
			}
		}
	}
}

// awaitSoleGroup waits until it is certain that no other group has the topic, before this worker takes a partition that
// the other group has not claimed yet.
func (w *worker) awaitSoleGroup(ctx context.Context) error {
	tick := time.NewTicker(w.heartbeatInterval())
	defer tick.Stop()
	for ctx.Err() == nil {
		w.sendHeartbeat(heartbeat{})
		others, err := w.consumerNames(ctx)
		if err == nil {
			var certain bool
			if certain, err = w.isSoleGroup(others); certain || err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-w.woken:
		case <-ctx.Done():
		}
	}
	return nil
}

// isSoleGroup reports whether all consumers of the topic belong to this group or to workers that are gone. If another
// group is alive, it returns the error that ends the subscription.
func (w *worker) isSoleGroup(consumers []string) (certain bool, err error) {
	certain = true
	for _, name := range consumers {
		if o, ok := parseConsumerName(name); ok && o.group != w.Group {
			_, heard, silent := w.peerState(o.worker)
			if heard {
				return false, w.conflictingGroup(o.group)
			}
			certain = certain && silent
		}
	}
	return certain, nil
}

// ownershipEnd reports that a partition is not owned any more.
type ownershipEnd struct {
	partition int
	err       error // ends the subscription
}

// assignPartitions claims the partitions that are this worker's share, and releases the others.
func (w *worker) assignPartitions(ctx context.Context, owned map[int]context.CancelFunc, ended chan<- ownershipEnd) {
	members := w.members()
	for number := range w.bus.partitions {
		mine := ctx.Err() == nil && members[number%len(members)] == w.id
		release, running := owned[number]
		switch {
		case running && !mine:
			release()
		case mine && !running:
			owning, release := context.WithCancel(ctx)
			owned[number] = release
			p := newPartition(w, number)
			go func() { ended <- ownershipEnd{number, p.ownPartition(owning)} }()
		}
	}
}

// setState sets what the next heartbeat announces.
func (w *worker) setState(leaving bool, owned map[int]context.CancelFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leaving, w.owns = leaving, slices.Sorted(maps.Keys(owned))
}

// errOwned: another worker owns the partition.
var errOwned = errors.New("another worker owns the partition")
