package jetstream

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Bus is a message bus in JetStream. Each topic is a work queue, whose messages are spread over as many partitions as the
// log has; see [Bus.Subscribe] for how workers share them.
type Bus struct {
	*server
	limits   BusConfig
	queues   map[port.Topic]jetstream.Stream
	dead     jetstream.Stream
	attempts *KeyValue // number of attempts at messages that failed
}

var _ port.MessageBus = (*Bus)(nil)

// BusConfig describes the bus. Zero values take the defaults.
type BusConfig struct {
	// MaxMessages is how many messages a new queue holds before it refuses more, and how many dead letters there may be
	// before a message that would become one more is retried instead; 1,000,000.
	MaxMessages int64
	// MaxBytes is the same in bytes; no limit. JetStream reserves as much of its disk, and does not create the queue if
	// that is not free.
	MaxBytes int64
}

func (c BusConfig) withDefaults() BusConfig {
	if c.MaxMessages == 0 {
		c.MaxMessages = 1_000_000
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = -1
	}
	return c
}

// maxMessage is the maximum size of a message in a queue, with its header, so that its dead letter fits into 1 MiB;
// deadLetterExtra is by how much the dead letter is larger.
const (
	maxMessage      = port.MaxMessageData + port.MaxMessageHeader + 1<<10
	deadLetterExtra = maxDeadError + 1<<10
)

// OpenBus opens the bus beside a log, and creates what is missing of it. Several services may open it concurrently. It
// returns [ErrPartitions] if its queues were made for a log with another number of partitions, and [port.ErrUnavailable].
func OpenBus(ctx context.Context, log *Log, config BusConfig) (*Bus, error) {
	return openBus(ctx, log.server, config, true)
}

// OpenExistingBus opens the bus without changing it. It returns [port.ErrUnavailable] if it is missing.
func OpenExistingBus(ctx context.Context, log *Log) (*Bus, error) {
	return openBus(ctx, log.server, BusConfig{}, false)
}

func openBus(ctx context.Context, s *server, config BusConfig, create bool) (*Bus, error) {
	b := &Bus{server: s, limits: config.withDefaults(), queues: map[port.Topic]jetstream.Stream{}}
	for topic := range queueNames {
		stream, err := s.ensureStream(ctx, b.queueConfig(topic), create)
		if err != nil {
			return nil, err
		}
		if err := b.acceptQueue(stream.CachedInfo().Config); err != nil {
			return nil, err
		}
		b.queues[topic] = stream
	}
	var err error
	if b.dead, err = s.ensureStream(ctx, b.deadConfig(), create); err != nil {
		return nil, err
	}
	if err := checkFormat(b.dead.CachedInfo().Config); err != nil {
		return nil, err
	}
	b.attempts, err = openKeyValue(ctx, s, s.config.attemptsBucket(), create)
	return b, err
}

func (b *Bus) queueConfig(topic port.Topic) jetstream.StreamConfig {
	var subjects []string
	for partition := range b.partitions {
		subjects = append(subjects, b.config.topicPrefix(topic)+strconv.Itoa(partition)+".*.*.*.*.*")
	}
	c := b.streamConfig(b.config.queueStream(topic), "messages of topic "+string(topic)+", gone when they are handled", subjects...)
	c.Retention = jetstream.WorkQueuePolicy
	c.MaxMsgSize = maxMessage
	c.Metadata = map[string]string{metaPartitions: strconv.Itoa(b.partitions), metaFormat: Format}
	return c
}

func (b *Bus) deadConfig() jetstream.StreamConfig {
	c := b.streamConfig(b.config.deadStream(), "messages that could not be handled", b.config.deadPrefix()+"*.*."+messageWildcards)
	c.Metadata = map[string]string{metaFormat: Format}
	return c
}

// streamConfig is what the streams of the bus have in common: a full stream refuses messages and deletes none.
func (b *Bus) streamConfig(name, description string, subjects ...string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: name, Description: "Orchestrix bus: " + description, Subjects: subjects,
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		Replicas: b.config.Replicas, Duplicates: b.config.DuplicateWindow,
		MaxMsgs: b.limits.MaxMessages, MaxBytes: b.limits.MaxBytes, MaxMsgsPerSubject: -1, MaxMsgSize: -1, MaxConsumers: -1,
	}
}

// acceptQueue refuses a queue that would lose messages, or in which they would be looked up in the wrong partition.
func (b *Bus) acceptQueue(c jetstream.StreamConfig) error {
	if err := checkFormat(c); err != nil {
		return err
	}
	if c.Retention != jetstream.WorkQueuePolicy || c.Discard != jetstream.DiscardNew || c.MaxAge != 0 || c.MaxMsgsPerSubject > 0 {
		return fmt.Errorf("stream %s would lose messages (retention %v, discard %v, max age %v, max messages per subject %d): "+
			"set work-queue retention, discard new, no maximum age and no maximum per subject", c.Name, c.Retention, c.Discard, c.MaxAge, c.MaxMsgsPerSubject)
	}
	if made := c.Metadata[metaPartitions]; made != strconv.Itoa(b.partitions) {
		return fmt.Errorf("%w: stream %s was created for %q, the log has %d; when the queue is empty, delete it with 'nats stream rm', and it is created again",
			ErrPartitions, c.Name, made, b.partitions)
	}
	return nil
}

func (b *Bus) messageSubject(topic port.Topic, m *port.Message) string {
	return messageSubject(b.config.topicPrefix(topic), b.partitionOf(m.To), m.Sender, m.To, m.Name)
}

// Publish implements [port.Publisher].
func (b *Bus) Publish(ctx context.Context, topic port.Topic, m port.Message) error {
	if err := port.CheckTopic(topic); err != nil {
		return err
	}
	if err := m.Check(); err != nil {
		return err
	}
	message := encodeMessage(b.messageSubject(topic, &m), m.ID, m)
	if size, limit := message.Size()+deadLetterExtra, b.conn.MaxPayload(); int64(size) > limit {
		return fmt.Errorf("%w: message %s would have %d bytes as a dead letter, NATS takes %d: raise its max_payload", port.ErrTooLarge, m.ID, size, limit)
	}
	return b.publish(ctx, message, m.ID)
}

// publish stores a message that has this id. Without an answer it publishes it again, under the same message id of NATS,
// until the budget of an append is spent.
//
// A message id says nothing about who has used it: any client that may publish to the queue may have. A message that the
// server takes for a duplicate is therefore compared with the stored one. Where that is another message, or is gone, it is
// published under a fresh message id: handlers are idempotent, so that a second copy is harmless, and a lost one is not.
func (b *Bus) publish(ctx context.Context, m *nats.Msg, id string) error {
	err := b.retryWrite(ctx, func(ctx context.Context) error {
		ack, err := b.publishOnce(ctx, m)
		if err != nil || !ack.Duplicate {
			return err
		}
		stored, err := b.leaderGet(ctx, ack.Stream, getRequest{Sequence: ack.Sequence})
		switch {
		case err == nil && isSameMessage(m, stored):
			return nil
		case err != nil && !errors.Is(err, errNoMessage):
			return err
		}
		m.Header.Set(jetstream.MsgIDHeader, rand.Text())
		m.Header.Set(headerMessageID, id)
		return errOtherDuplicate
	}, func(err error) bool {
		return !errors.Is(err, errOtherDuplicate) && publishRefusal(m.Subject, err) != nil
	})
	if err == nil {
		return nil
	}
	if refused := publishRefusal(m.Subject, err); refused != nil {
		return refused
	}
	return unavailable("publish to "+m.Subject, err)
}

// errOtherDuplicate: the server knows the message id from another message.
var errOtherDuplicate = errors.New("another message has the same message id")

// isSameMessage reports whether a queue holds a message. The trace, and the headers of dead letters, may differ: the next
// attempt at a message has others.
func isSameMessage(m *nats.Msg, in stored) bool {
	mine, theirs := comparedHeaders(m.Header), comparedHeaders(in.header)
	return m.Subject == in.subject && bytes.Equal(m.Data, in.body) && maps.Equal(mine, theirs)
}

func comparedHeaders(header nats.Header) map[string]string {
	compared := map[string]string{}
	for key := range header {
		if isMessageHeader(key) && key != headerTraceParent && key != headerTraceState {
			compared[key] = header.Get(key)
		}
	}
	return compared
}

// publishRefusal is the error of a publish that fails again when it is repeated; nil if another attempt may succeed.
func publishRefusal(subject string, err error) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %s: %w", port.ErrTooLarge, subject, err)
	case errors.Is(err, nats.ErrConnectionClosed):
		return unavailable("publish to "+subject, err)
	case !errors.As(err, &api) || api.ErrorCode == errCodeDuplicateInProcess:
		return nil
	case api.ErrorCode == jetstream.JSErrCodeStreamMessageExceedsMaximum || api.ErrorCode == errCodeHeaderTooLarge:
		return fmt.Errorf("%w: %s: %w", port.ErrTooLarge, subject, err)
	case api.ErrorCode == errCodeStoreFailed && strings.HasPrefix(api.Description, "maximum "):
		return unavailable("publish to "+subject+": the queue is full; start more workers, or find out why the workers do not finish", err)
	}
	return unavailable("publish to "+subject, err)
}

// errCodeStoreFailed is the answer, among others, of a full stream.
const errCodeStoreFailed jetstream.ErrorCode = 10077
