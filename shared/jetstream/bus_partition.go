package jetstream

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/retry"
)

const (
	maxFetched = 256              // messages in flight to a worker
	idleCheck  = 10 * time.Second // of silence, after which the server is asked whether all delivered messages have arrived
)

// partition is a worker's part in a partition that it owns, or tries to own.
type partition struct {
	*worker
	number   int
	claims   int64
	consumer string // its newest consumer, perhaps gone

	owning         context.Context // until the partition is released
	handling       context.Context // of its handlers; it ends when another worker owns the partition
	cancelHandlers context.CancelFunc
	lanes          sync.WaitGroup

	fetchBytes  int // of one request for messages; two may be in flight
	heldBytes   int // above which no more messages are accepted
	state       sync.Mutex
	suspectedTo uint64                    // messages up to here were delivered to workers that died
	waiting     map[string][]*heldMessage // by lane, while a goroutine handles them; the first is in the handler
	held        map[uint64]*heldMessage   // by sequence
	bytes       int
	dropped     chan struct{}  // closed, and replaced, when bytes has fallen
	attempts    map[uint64]int // at messages that have failed before, or were in a handler when a worker died
	acked       ackedMessages
}

// heldMessage is a message that the owner of its partition holds.
type heldMessage struct {
	sequence   uint64
	delivery   port.Delivery
	size       int    // bytes, with its header
	unroutable error  // why its subject is not that of a stream in this partition
	rest       string // of its subject, behind the topic
	ackSubject string // of the newest consumer

	attemptsStored bool
	suspected      bool // a worker died while it held the message
	acked          bool // it was acknowledged before, and only has to be again
}

// lane names the messages that are handled one at a time, in their order: those to one stream, of all senders. An unroutable
// message has a lane of its subject, which holds no slash.
func (m *heldMessage) lane() string {
	if m.unroutable != nil {
		return m.rest
	}
	return m.delivery.To.Path()
}

func newPartition(w *worker, number int) *partition {
	fetch, hold := shareOfMemory(w.bus.config.HeldBytes, w.bus.partitions)
	return &partition{
		worker: w, number: number, fetchBytes: fetch, heldBytes: hold,
		waiting: map[string][]*heldMessage{}, held: map[uint64]*heldMessage{}, dropped: make(chan struct{}), attempts: map[uint64]int{},
	}
}

// ownPartition owns the partition until ctx ends or another worker takes it; it returns when its handlers have returned.
// Its error ends the subscription.
func (p *partition) ownPartition(ctx context.Context) error {
	p.owning = ctx
	p.handling, p.cancelHandlers = context.WithCancel(context.WithoutCancel(ctx))
	defer p.cancelHandlers()
	err := p.claimAndRead(ctx)
	if err != nil {
		p.cancelHandlers()
	}
	p.lanes.Wait()
	if p.consumer != "" && err == nil {
		p.release(ctx)
	}
	switch {
	case errors.Is(err, errOwned):
		if p.consumer != "" {
			p.bus.config.Logger.WarnContext(ctx, "another worker has taken the partition", "topic", p.topic, "partition", p.number)
		}
		return nil
	case errors.Is(err, port.ErrUnavailable):
		return nil
	}
	return err
}

// release deletes the consumer, so that the next owner does not have to wait.
func (p *partition) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.bus.config.AckTimeout)
	defer cancel()
	if err := p.deleteConsumer(ctx, p.consumer); err != nil {
		p.bus.config.Logger.WarnContext(ctx, "a partition can't be released, other workers will take it", "topic", p.topic, "partition", p.number, "error", err)
	}
	p.sendHeartbeat(heartbeat{Free: true})
}

// claimAndRead reads the partition through one consumer after another. It returns nil when ctx has ended, and errOwned.
func (p *partition) claimAndRead(ctx context.Context) error {
	for attempt := 1; ctx.Err() == nil; attempt++ {
		consumer, err := p.claim(ctx)
		if err == nil {
			err = p.loadAttempts(ctx)
		}
		if err == nil {
			began := time.Now()
			if err = p.readConsumer(ctx, consumer); time.Since(began) > idleCheck {
				attempt = 1
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, port.ErrUnavailable) {
			return err
		}
		p.bus.config.Logger.DebugContext(ctx, "reading a partition again", "topic", p.topic, "partition", p.number, "cause", err)
		retry.Sleep(ctx, ownerPauses.Pause(attempt))
	}
	return nil
}

// errMissed: delivered messages have not arrived, or not in order. A new consumer delivers them again.
var errMissed = unavailable("bus", errors.New("messages were lost on their way"))

// readConsumer holds the messages of a consumer until ctx ends or a message may be missing.
func (p *partition) readConsumer(ctx context.Context, consumer jetstream.Consumer) error {
	p.dropWaiting()
	reconnects := p.bus.conn.Stats().Reconnects
	expiry := max(time.Second, min(p.AckWait/2, 30*time.Second))
	messages, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(maxFetched, p.fetchBytes), jetstream.PullExpiry(expiry))
	if err != nil {
		return unavailable("consumer "+p.consumer, err)
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	var last jetstream.SequencePair
	for quiet := time.Now(); p.awaitRoom(ctx); {
		m, err := messages.Next(jetstream.NextMaxWait(maxHeartbeatInterval))
		if ctx.Err() != nil {
			return nil
		}
		if p.bus.conn.Stats().Reconnects != reconnects {
			return errMissed // messages may have been sent to the old connection
		}
		if errors.Is(err, nats.ErrTimeout) {
			if time.Since(quiet) > idleCheck {
				if err := p.checkDelivered(ctx, consumer, last); err != nil {
					return err
				}
				quiet = time.Now()
			}
			continue
		}
		if err != nil {
			return unavailable("consumer "+p.consumer, err)
		}
		quiet = time.Now()
		meta, err := m.Metadata()
		if err != nil || meta.Sequence.Consumer != last.Consumer+1 || meta.Sequence.Stream <= last.Stream {
			return errMissed
		}
		last = jetstream.SequencePair{Consumer: meta.Sequence.Consumer, Stream: meta.Sequence.Stream}
		p.holdMessage(m, meta)
	}
	return nil
}

// checkDelivered compares what the server has delivered with what has arrived.
func (p *partition) checkDelivered(ctx context.Context, consumer jetstream.Consumer, last jetstream.SequencePair) error {
	ctx, cancel := context.WithTimeout(ctx, p.bus.config.AckTimeout)
	defer cancel()
	info, err := consumer.Info(ctx)
	if err != nil {
		return unavailable("consumer "+p.consumer, err)
	}
	if info.Delivered.Consumer > last.Consumer {
		return errMissed
	}
	return nil
}

// dropWaiting drops the messages that wait behind others of their stream: a new consumer delivers them again. Those in a
// handler stay.
func (p *partition) dropWaiting() {
	p.state.Lock()
	defer p.state.Unlock()
	for lane, messages := range p.waiting {
		for _, m := range messages[1:] {
			p.dropHeld(m)
		}
		p.waiting[lane] = messages[:1:1]
	}
}

// dropHeld drops a message. The caller holds the lock.
func (p *partition) dropHeld(m *heldMessage) {
	delete(p.held, m.sequence)
	p.bytes -= m.size
	close(p.dropped)
	p.dropped = make(chan struct{})
}

// awaitRoom waits until another message may be held; false if ctx has ended.
func (p *partition) awaitRoom(ctx context.Context) bool {
	for ctx.Err() == nil {
		p.state.Lock()
		room, dropped := p.bytes < p.heldBytes, p.dropped
		p.state.Unlock()
		if room {
			return true
		}
		select {
		case <-dropped:
		case <-ctx.Done():
		}
	}
	return false
}

// holdMessage puts a message behind the others of its stream.
func (p *partition) holdMessage(m jetstream.Msg, meta *jetstream.MsgMetadata) {
	p.state.Lock()
	defer p.state.Unlock()
	sequence := meta.Sequence.Stream
	if held := p.held[sequence]; held != nil { // it is in its handler since before this consumer
		held.ackSubject = m.Reply()
		return
	}
	held := &heldMessage{sequence: sequence, ackSubject: m.Reply(), rest: strings.TrimPrefix(m.Subject(), p.bus.config.topicPrefix(p.topic)), size: messageSize(m)}
	held.delivery.Message, held.unroutable = p.bus.decodeMessage(held.rest, sequence, m.Headers(), m.Data())
	held.delivery.Published = meta.Timestamp.UTC()
	held.acked = p.acked.contains(sequence, held.delivery.Published)
	p.held[sequence] = held
	p.bytes += held.size
	lane := held.lane()
	waiting, busy := p.waiting[lane]
	p.waiting[lane] = append(waiting, held)
	if !busy {
		p.lanes.Go(func() { p.handleLane(lane) })
	}
}
