package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orchestrix/shared/es"
)

const (
	followHeartbeat = 2 * time.Second  // twice that without a sign of the server ends a Follow
	followExpiry    = 30 * time.Second // of one pull request
	followIdle      = 30 * time.Second // after that the server forgets a consumer whose client is gone
	followBytes     = 8 << 20          // that a follower may have in flight
	batchBytes      = 4 << 20          // of the bodies in one batch, unless the first is larger
)

// Follow implements [es.Feed]. It reads with a consumer of its own that the server keeps in memory and that
// needs no acknowledgements: where to go on is the follower's to know. Whatever disturbs the order ends it
// with [es.ErrUnavailable]. A message that is missing in the log itself is [es.ErrCorrupt].
func (l *Log) Follow(ctx context.Context, after es.Position, maxBatch int, handle func(context.Context, es.Batch) error) error {
	head, err := l.Head(ctx, after.Partition)
	if err != nil {
		return endOf(ctx, err)
	}
	if after.Sequence > head.Position.Sequence {
		return fmt.Errorf("%w: partition %d ends at %s, before %s: it was replaced or cut off", es.ErrCorrupt, after.Partition, head.Position, after)
	}
	f, err := l.subscribe(ctx, after, max(maxBatch, 1))
	if err != nil {
		return endOf(ctx, err)
	}
	defer f.close()
	for {
		batch, err := f.next(ctx)
		if err != nil {
			return endOf(ctx, err)
		}
		if err := handle(ctx, batch); err != nil {
			return err
		}
	}
}

// endOf turns whatever the end of ctx has caused into a clean end.
func endOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// follower reads one partition.
type follower struct {
	log       *Log
	partition int
	last      uint64 // sequence of the newest message that was taken
	fresh     bool   // no message was taken yet
	maxBatch  int

	messages chan jetstream.Msg
	failed   chan error
	lost     chan nats.Status
	consumer jetstream.Consumer
	consume  jetstream.ConsumeContext
	done     chan struct{}
	held     jetstream.Msg // taken, but left for the next batch
}

func (l *Log) subscribe(ctx context.Context, after es.Position, maxBatch int) (*follower, error) {
	f := &follower{
		log: l, partition: after.Partition, last: after.Sequence, fresh: true, maxBatch: maxBatch,
		messages: make(chan jetstream.Msg, maxBatch), failed: make(chan error, 1), done: make(chan struct{}),
		lost: l.conn.StatusChanged(nats.RECONNECTING, nats.CLOSED),
	}
	setup, cancel := context.WithTimeout(ctx, l.config.AckTimeout)
	defer cancel()
	var err error
	f.consumer, err = l.js.CreateConsumer(setup, l.streamName(after.Partition), jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after.Sequence + 1,
		AckPolicy: jetstream.AckNonePolicy, MaxDeliver: 1, MemoryStorage: true, Replicas: 1,
		InactiveThreshold: followIdle,
	})
	if err == nil {
		l.steer.works()
		f.consume, err = f.consumer.Consume(f.take,
			jetstream.PullMaxMessagesWithBytesLimit(2*maxBatch, max(followBytes, 2*int(l.conn.MaxPayload()))),
			jetstream.PullExpiry(followExpiry), jetstream.PullHeartbeat(followHeartbeat),
			jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { f.fail(err) }))
	}
	if err != nil {
		l.steer.failed(ctx, err)
		l.conn.RemoveStatusListener(f.lost)
		return nil, unavailable("follow partition "+strconv.Itoa(after.Partition), err)
	}
	return f, nil
}

// take is called by the client for each message, in order; it holds the client back while batches are worked on.
func (f *follower) take(m jetstream.Msg) {
	select {
	case f.messages <- m:
	case <-f.done:
	}
}

func (f *follower) fail(err error) {
	select {
	case f.failed <- err:
	default:
	}
}

// close ends the subscription and waits for it. The server is told that its consumer is not needed any more,
// without waiting: it would find out by itself.
func (f *follower) close() {
	close(f.done)
	f.consume.Stop()
	<-f.consume.Closed()
	f.log.conn.RemoveStatusListener(f.lost)
	_ = f.log.conn.Publish("$JS.API.CONSUMER.DELETE."+f.log.streamName(f.partition)+"."+f.consumer.CachedInfo().Name, nil)
}

// next waits for a message and takes what else is there, up to a batch.
func (f *follower) next(ctx context.Context) (es.Batch, error) {
	first, err := f.wait(ctx)
	if err != nil {
		return es.Batch{}, err
	}
	batch := es.Batch{Commits: make([]es.Commit, 0, min(f.maxBatch, 1+len(f.messages)))}
	bytes := 0
	for m := first; ; {
		bytes += len(m.Data())
		if err := f.add(&batch, m); err != nil {
			return es.Batch{}, err
		}
		if len(batch.Commits) == f.maxBatch {
			return batch, nil
		}
		select {
		case m = <-f.messages:
		default:
			return batch, nil
		}
		if bytes+len(m.Data()) > batchBytes {
			f.held = m
			return batch, nil
		}
	}
}

func (f *follower) wait(ctx context.Context) (jetstream.Msg, error) {
	if m := f.held; m != nil {
		f.held = nil
		return m, nil
	}
	silent := time.NewTimer(f.log.config.LostAfter)
	defer silent.Stop()
	var what error
	for end := f.last; ; silent.Reset(f.log.config.LostAfter) {
		select {
		case m := <-f.messages:
			return m, nil
		case what = <-f.failed:
		case <-f.lost:
			what = nats.ErrDisconnected
		case <-f.consume.Closed():
			what = errors.New("the subscription ended")
		case <-silent.C:
			if end == f.last {
				end = f.end(ctx)
				continue
			}
			what = fmt.Errorf("its consumer has given nothing for %s, and the log goes on to %d", f.log.config.LostAfter, end)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return nil, unavailable("follow partition "+strconv.Itoa(f.partition), what)
	}
}

// end is the sequence at which the partition ends, as far as a leader says so. A consumer lives on one replica, and goes on
// with its heartbeats when that gets nothing new any more.
func (f *follower) end(ctx context.Context) uint64 {
	ctx, cancel := context.WithTimeout(ctx, followHeartbeat)
	defer cancel()
	head, err := f.log.Head(ctx, f.partition)
	if err != nil {
		return f.last
	}
	return head.Position.Sequence
}

// add decodes a message into the batch. What can't be decoded is handed on as such, in its place.
func (f *follower) add(batch *es.Batch, m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return unavailable("follow partition "+strconv.Itoa(f.partition), err)
	}
	if meta.Sequence.Stream != f.last+1 {
		return f.gap(meta.Sequence.Stream)
	}
	f.last, f.fresh = meta.Sequence.Stream, false
	c, err := f.log.decode(f.partition, stored{subject: m.Subject(), sequence: meta.Sequence.Stream, header: m.Headers(), body: m.Data()})
	c.Err = err
	batch.Commits = append(batch.Commits, c)
	batch.Pending = meta.NumPending
	return nil
}

// gap tells a message that the client has lost, which another Follow brings, from one that the log has lost.
func (f *follower) gap(sequence uint64) error {
	if f.fresh {
		return fmt.Errorf("%w: partition %d holds nothing between %d and %d: something deleted from the log", es.ErrCorrupt, f.partition, f.last, sequence)
	}
	return fmt.Errorf("%w: partition %d: message %d came after %d", es.ErrUnavailable, f.partition, sequence, f.last)
}
