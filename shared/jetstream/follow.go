package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

const (
	followHeartbeat = 2 * time.Second  // a Follow ends after twice that without a message or heartbeat of the server
	followExpiry    = 30 * time.Second // of one pull request
	followIdle      = 30 * time.Second // after which the server deletes a consumer whose client is gone
	followBytes     = 8 << 20          // that a follower may have in flight
	batchBytes      = 4 << 20          // of the bodies in one batch, unless the first is larger
)

// Follow implements [port.Feed]. It reads with a consumer of its own, which the server keeps in memory and which needs no
// acknowledgements: the follower keeps its own position. Any interruption of the order ends it with [port.ErrUnavailable].
// A message that is missing in the log itself is [core.ErrCorrupt].
func (l *Log) Follow(ctx context.Context, after core.Position, maxBatch int, handle func(context.Context, port.Batch) error) error {
	head, err := l.Head(ctx, after.Partition)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	if after.Sequence > head.Position.Sequence {
		return fmt.Errorf("%w: partition %d ends at %s, before %s: it was replaced or truncated", core.ErrCorrupt, after.Partition, head.Position, after)
	}
	f, err := l.newFollower(ctx, after, max(maxBatch, 1))
	if err != nil {
		return unlessEnded(ctx, err)
	}
	defer f.close()
	for {
		batch, err := f.nextBatch(ctx)
		if err != nil {
			return unlessEnded(ctx, err)
		}
		if err := handle(ctx, batch); err != nil {
			return err
		}
	}
}

// unlessEnded returns err, or nil if ctx has ended: its end may have caused the error.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// follower reads one partition.
type follower struct {
	log       *Log
	partition int
	last      uint64 // sequence of the newest message that was read
	fresh     bool   // no message was read yet
	maxBatch  int

	messages     chan jetstream.Msg
	failed       chan error
	disconnected chan nats.Status
	consumer     jetstream.Consumer
	consume      jetstream.ConsumeContext
	done         chan struct{}
	held         jetstream.Msg // read, but left for the next batch
}

func (l *Log) newFollower(ctx context.Context, after core.Position, maxBatch int) (*follower, error) {
	f := &follower{
		log: l, partition: after.Partition, last: after.Sequence, fresh: true, maxBatch: maxBatch,
		messages: make(chan jetstream.Msg, maxBatch), failed: make(chan error, 1), done: make(chan struct{}),
		disconnected: l.conn.StatusChanged(nats.RECONNECTING, nats.CLOSED),
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
		l.failover.succeeded()
		f.consume, err = f.consumer.Consume(f.onMessage,
			jetstream.PullMaxMessagesWithBytesLimit(2*maxBatch, max(followBytes, 2*int(l.conn.MaxPayload()))),
			jetstream.PullExpiry(followExpiry), jetstream.PullHeartbeat(followHeartbeat),
			jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { f.onError(err) }))
	}
	if err != nil {
		l.failover.failed(ctx, err)
		l.conn.RemoveStatusListener(f.disconnected)
		return nil, unavailable("follow partition "+strconv.Itoa(after.Partition), err)
	}
	return f, nil
}

// onMessage is called by the client for each message, in order. It blocks while the follower is behind, which stops the
// client's requests.
func (f *follower) onMessage(m jetstream.Msg) {
	select {
	case f.messages <- m:
	case <-f.done:
	}
}

func (f *follower) onError(err error) {
	select {
	case f.failed <- err:
	default:
	}
}

// close ends the subscription and waits for its end. It asks the server to delete the consumer without waiting for an
// answer: the server deletes an idle consumer anyway.
func (f *follower) close() {
	close(f.done)
	f.consume.Stop()
	<-f.consume.Closed()
	f.log.conn.RemoveStatusListener(f.disconnected)
	_ = f.log.conn.Publish(f.log.config.api("CONSUMER.DELETE."+f.log.streamName(f.partition)+"."+f.consumer.CachedInfo().Name), nil)
}

// nextBatch waits for a message and adds those that have arrived, up to the size of a batch.
func (f *follower) nextBatch(ctx context.Context) (port.Batch, error) {
	first, err := f.awaitMessage(ctx)
	if err != nil {
		return port.Batch{}, err
	}
	batch := port.Batch{Commits: make([]core.Commit, 0, min(f.maxBatch, 1+len(f.messages)))}
	bytes := 0
	for m := first; ; {
		bytes += len(m.Data())
		if err := f.addCommit(&batch, m); err != nil {
			return port.Batch{}, err
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

func (f *follower) awaitMessage(ctx context.Context) (jetstream.Msg, error) {
	if m := f.held; m != nil {
		f.held = nil
		return m, nil
	}
	silent := time.NewTimer(f.log.config.LostAfter)
	defer silent.Stop()
	var cause error
	for end := f.last; ; silent.Reset(f.log.config.LostAfter) {
		select {
		case m := <-f.messages:
			return m, nil
		case cause = <-f.failed:
		case <-f.disconnected:
			cause = nats.ErrDisconnected
		case <-f.consume.Closed():
			cause = errors.New("the subscription ended")
		case <-silent.C:
			if end == f.last {
				end = f.partitionEnd(ctx)
				continue
			}
			cause = fmt.Errorf("its consumer has delivered nothing for %s, and the log continues to %d", f.log.config.LostAfter, end)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return nil, unavailable("follow partition "+strconv.Itoa(f.partition), cause)
	}
}

// partitionEnd is the last sequence of the partition, as its leader knows it. A consumer lives on one replica, and keeps
// sending heartbeats when that replica receives nothing new.
func (f *follower) partitionEnd(ctx context.Context) uint64 {
	ctx, cancel := context.WithTimeout(ctx, followHeartbeat)
	defer cancel()
	head, err := f.log.Head(ctx, f.partition)
	if err != nil {
		return f.last
	}
	return head.Position.Sequence
}

// addCommit decodes a message into the batch. A message that can't be decoded is added with its error, at its position.
func (f *follower) addCommit(batch *port.Batch, m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return unavailable("follow partition "+strconv.Itoa(f.partition), err)
	}
	if meta.Sequence.Stream != f.last+1 {
		return f.gapError(meta.Sequence.Stream)
	}
	f.last, f.fresh = meta.Sequence.Stream, false
	c, err := f.log.decode(f.partition, stored{subject: m.Subject(), sequence: meta.Sequence.Stream, header: m.Headers(), body: m.Data()})
	if c.Err = err; c.IsNoise() {
		c.Time = meta.Timestamp.UTC()
		f.log.noiseSeen(f.partition)
	}
	batch.Commits = append(batch.Commits, c)
	batch.Pending = meta.NumPending
	return nil
}

// gapError distinguishes a message that the client has lost, which another Follow delivers, from one that the log has
// lost.
func (f *follower) gapError(sequence uint64) error {
	if f.fresh {
		return fmt.Errorf("%w: partition %d holds nothing between %d and %d: messages were deleted from the log", core.ErrCorrupt, f.partition, f.last, sequence)
	}
	return fmt.Errorf("%w: partition %d: message %d came after %d", port.ErrUnavailable, f.partition, sequence, f.last)
}
