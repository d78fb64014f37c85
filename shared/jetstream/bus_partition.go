package jetstream

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orchestrix/shared/es"
)

const (
	maxFetched   = 256              // messages that are on their way to a worker, at most
	maxHeldBytes = 32 << 20         // bytes of a partition's messages above which its owner takes no more for now
	idleCheck    = 10 * time.Second // of silence, after which the server is asked whether all it gave has arrived
)

// partition is what a worker does for a partition that it owns, or goes after.
type partition struct {
	*worker
	number   int
	claims   int64
	consumer string // its newest consumer, perhaps gone

	owning   context.Context // until the partition is given away
	handling context.Context // of its handlers; it ends when another owns the partition
	lose     context.CancelFunc
	lanes    sync.WaitGroup

	state       sync.Mutex
	suspectedTo uint64              // messages up to here were given to workers that died
	waiting     map[string][]*entry // by stream, while a goroutine works on them; the first is being handled
	held        map[uint64]*entry   // by sequence
	bytes       int
	released    chan struct{}  // closed, and replaced, when bytes has fallen
	tries       map[uint64]int // of messages that have failed before, or were being handled when a worker died
	settled     settled
}

// entry is a message that is held.
type entry struct {
	sequence uint64
	delivery es.Delivery
	misplace error  // why it can't be handled
	ack      string // the subject to acknowledge on, of the newest consumer

	remembered bool // its attempts are written down
	suspected  bool // a worker died while it had it
	settled    bool // it only has to be acknowledged once more
}

func newPartition(w *worker, number int) *partition {
	return &partition{
		worker: w, number: number,
		waiting: map[string][]*entry{}, held: map[uint64]*entry{}, released: make(chan struct{}), tries: map[uint64]int{},
	}
}

// run owns the partition until ctx ends or another worker takes it; it returns when its handlers have. Its error ends the
// subscription.
func (p *partition) run(ctx context.Context) error {
	p.owning = ctx
	p.handling, p.lose = context.WithCancel(context.WithoutCancel(ctx))
	defer p.lose()
	err := p.own(ctx)
	if err != nil {
		p.lose()
	}
	p.lanes.Wait()
	if p.consumer != "" && err == nil {
		p.giveAway(ctx)
	}
	switch {
	case errors.Is(err, errTaken):
		if p.consumer != "" {
			p.bus.log.config.Logger.WarnContext(ctx, "another worker has taken the partition", "topic", p.topic, "partition", p.number)
		}
		return nil
	case errors.Is(err, es.ErrUnavailable):
		return nil
	}
	return err
}

// giveAway deletes the consumer, so that the next owner need not wait.
func (p *partition) giveAway(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.bus.log.config.AckTimeout)
	defer cancel()
	if err := p.remove(ctx, p.consumer); err != nil {
		p.bus.log.config.Logger.WarnContext(ctx, "a partition can't be given away, others will take it", "topic", p.topic, "partition", p.number, "error", err)
	}
	p.say(hello{Free: true})
}

// own reads the partition through one consumer after another. It returns nil when ctx has ended, and errTaken.
func (p *partition) own(ctx context.Context) error {
	for try := 1; ctx.Err() == nil; try++ {
		consumer, err := p.claim(ctx)
		if err == nil {
			err = p.recall(ctx)
		}
		if err == nil {
			began := time.Now()
			if err = p.read(ctx, consumer); time.Since(began) > idleCheck {
				try = 1
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, es.ErrUnavailable) {
			return err
		}
		p.bus.log.config.Logger.DebugContext(ctx, "reading a partition anew", "topic", p.topic, "partition", p.number, "cause", err)
		pausing(ctx, try)
	}
	return nil
}

// errAnew says that what has arrived is not all that was given, in order: a new consumer gives it again.
var errAnew = unavailable("bus", errors.New("messages were lost on their way"))

// read takes the messages of a consumer until ctx ends or one may be missing.
func (p *partition) read(ctx context.Context, consumer jetstream.Consumer) error {
	p.forgetWaiting()
	reconnects := p.bus.log.conn.Stats().Reconnects
	expiry := max(time.Second, min(p.AckWait/2, 30*time.Second))
	messages, err := consumer.Messages(jetstream.PullMaxMessages(maxFetched), jetstream.PullExpiry(expiry))
	if err != nil {
		return unavailable("consumer "+p.consumer, err)
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	var last jetstream.SequencePair
	for quiet := time.Now(); p.hasRoom(ctx); {
		m, err := messages.Next(jetstream.NextMaxWait(maxBeat))
		if ctx.Err() != nil {
			return nil
		}
		if p.bus.log.conn.Stats().Reconnects != reconnects {
			return errAnew // the old connection may have had some
		}
		if errors.Is(err, nats.ErrTimeout) {
			if time.Since(quiet) > idleCheck {
				if err := p.checkArrived(ctx, consumer, last); err != nil {
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
			return errAnew
		}
		last = jetstream.SequencePair{Consumer: meta.Sequence.Consumer, Stream: meta.Sequence.Stream}
		p.take(m, meta)
	}
	return nil
}

// checkArrived asks the server what it has given.
func (p *partition) checkArrived(ctx context.Context, consumer jetstream.Consumer, last jetstream.SequencePair) error {
	ctx, cancel := context.WithTimeout(ctx, p.bus.log.config.AckTimeout)
	defer cancel()
	info, err := consumer.Info(ctx)
	if err != nil {
		return unavailable("consumer "+p.consumer, err)
	}
	if info.Delivered.Consumer > last.Consumer {
		return errAnew
	}
	return nil
}

// forgetWaiting drops what waits behind other messages of its stream: a new consumer gives it again. What is being
// handled stays.
func (p *partition) forgetWaiting() {
	p.state.Lock()
	defer p.state.Unlock()
	for lane, entries := range p.waiting {
		for _, e := range entries[1:] {
			p.drop(e)
		}
		p.waiting[lane] = entries[:1:1]
	}
}

// drop lets go of an entry. The caller holds the lock.
func (p *partition) drop(e *entry) {
	delete(p.held, e.sequence)
	p.bytes -= len(e.delivery.Data)
	close(p.released)
	p.released = make(chan struct{})
}

// hasRoom waits until another message may be taken; false when ctx has ended.
func (p *partition) hasRoom(ctx context.Context) bool {
	for ctx.Err() == nil {
		p.state.Lock()
		room, released := p.bytes < maxHeldBytes, p.released
		p.state.Unlock()
		if room {
			return true
		}
		select {
		case <-released:
		case <-ctx.Done():
		}
	}
	return false
}

// take puts a message behind the others of its stream.
func (p *partition) take(m jetstream.Msg, meta *jetstream.MsgMetadata) {
	p.state.Lock()
	defer p.state.Unlock()
	sequence := meta.Sequence.Stream
	if e := p.held[sequence]; e != nil { // its handler has been at work since before this consumer
		e.ack = m.Reply()
		return
	}
	e := &entry{sequence: sequence, ack: m.Reply()}
	place := strings.TrimPrefix(m.Subject(), p.bus.subjectPrefix(p.topic))
	e.delivery.Message, e.misplace = p.bus.decodeMessage(place, sequence, m.Headers(), m.Data())
	e.delivery.Published = meta.Timestamp.UTC()
	e.settled = p.settled.has(sequence, e.delivery.Published)
	p.held[sequence] = e
	p.bytes += len(e.delivery.Data)
	lane, busy := p.waiting[place]
	p.waiting[place] = append(lane, e)
	if !busy {
		p.lanes.Go(func() { p.work(place) })
	}
}
