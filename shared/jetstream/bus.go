package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orchestrix/shared/es"
	"orchestrix/shared/retry"
)

// Bus is a message bus in JetStream. Each topic is a work queue of its own, whose messages are spread over as many
// partitions as the log has; see [Bus.Subscribe] for how workers share them.
type Bus struct {
	log      *Log // whose names, partitions, connection and time limits it shares
	config   BusConfig
	queues   map[es.Topic]jetstream.Stream
	dead     jetstream.Stream
	attempts *KeyValue // how often messages that failed were tried
}

var _ es.MessageBus = (*Bus)(nil)

// BusConfig describes the bus. Zero values take the defaults.
type BusConfig struct {
	// MaxMessages is how many messages a new queue holds before it takes no more, and how many dead letters there may be
	// before a message that would be one more is tried again instead; 1,000,000.
	MaxMessages int64
	// MaxBytes is the same in bytes; no limit. JetStream sets as much of its disk aside, and does not start the queue where
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

// maxMessage is how large a message of a queue may be, header and all, so that its dead letter fits into 1 MiB; deadRoom is
// what that has more.
const (
	maxMessage = es.MaxMessageData + es.MaxMessageHeader + 1<<10
	deadRoom   = maxDeadError + 1<<10
)

// queueNames are what the streams of topics are called, after the prefix.
var queueNames = map[es.Topic]string{es.CommandTopic: "COMMANDS", es.OutcomeTopic: "OUTCOMES"}

// OpenBus opens the bus beside a log, and creates what is missing of it. Several services may do so at once. It returns
// [ErrPartitions] where its queues were made for a log with another number of partitions, and [es.ErrUnavailable].
func OpenBus(ctx context.Context, log *Log, config BusConfig) (*Bus, error) {
	return openBus(ctx, log, config, true)
}

// OpenExistingBus opens the bus as it is. It returns [es.ErrUnavailable] where there is none.
func OpenExistingBus(ctx context.Context, log *Log) (*Bus, error) {
	return openBus(ctx, log, BusConfig{}, false)
}

func openBus(ctx context.Context, log *Log, config BusConfig, create bool) (*Bus, error) {
	b := &Bus{log: log, config: config.withDefaults(), queues: map[es.Topic]jetstream.Stream{}}
	for topic := range queueNames {
		stream, err := log.ensure(ctx, b.queueConfig(topic), create)
		if err != nil {
			return nil, err
		}
		if err := b.accept(stream.CachedInfo().Config); err != nil {
			return nil, err
		}
		b.queues[topic] = stream
	}
	var err error
	if b.dead, err = log.ensure(ctx, b.deadConfig(), create); err != nil {
		return nil, err
	}
	b.attempts, err = openKeyValue(ctx, log.conn, log.config.Prefix+"_ATTEMPTS", log.config.Replicas, create)
	return b, err
}

func (b *Bus) queueConfig(topic es.Topic) jetstream.StreamConfig {
	var subjects []string
	for partition := range b.log.partitions {
		subjects = append(subjects, b.subjectPrefix(topic)+strconv.Itoa(partition)+".*.*.*")
	}
	c := b.streamConfig(queueNames[topic], "messages of topic "+string(topic)+", gone when they are handled", subjects...)
	c.Retention = jetstream.WorkQueuePolicy
	c.MaxMsgSize = maxMessage
	c.Metadata = map[string]string{metaPartitions: strconv.Itoa(b.log.partitions), metaFormat: format}
	return c
}

func (b *Bus) deadConfig() jetstream.StreamConfig {
	return b.streamConfig("DEAD_LETTERS", "messages that could not be handled", b.deadPrefix()+"*.*.*.*.*.*")
}

// streamConfig is what the streams of the bus have in common: what does not fit is refused, nothing is pushed out.
func (b *Bus) streamConfig(name, description string, subjects ...string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: b.log.config.Prefix + "_" + name, Description: "Orchestrix bus: " + description, Subjects: subjects,
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		Replicas: b.log.config.Replicas, Duplicates: b.log.config.DuplicateWindow,
		MaxMsgs: b.config.MaxMessages, MaxBytes: b.config.MaxBytes, MaxMsgsPerSubject: -1, MaxMsgSize: -1, MaxConsumers: -1,
	}
}

// accept refuses a queue that would lose messages, or in which they would be looked for in the wrong place.
func (b *Bus) accept(c jetstream.StreamConfig) error {
	if c.Retention != jetstream.WorkQueuePolicy || c.Discard != jetstream.DiscardNew || c.MaxAge != 0 || c.MaxMsgsPerSubject > 0 {
		return fmt.Errorf("stream %s would lose messages (retention %v, discard %v, max age %v, max messages per subject %d): "+
			"set work-queue retention, discard new, no maximum age and no maximum per subject", c.Name, c.Retention, c.Discard, c.MaxAge, c.MaxMsgsPerSubject)
	}
	if made := c.Metadata[metaPartitions]; made != strconv.Itoa(b.log.partitions) {
		return fmt.Errorf("%w: stream %s was created for %q, the log has %d; when the queue is empty, delete it with 'nats stream rm', and it is created anew",
			ErrPartitions, c.Name, made, b.log.partitions)
	}
	return nil
}

// The names of the bus on the server.

func (b *Bus) prefix() string { return strings.ToLower(b.log.config.Prefix) }

func (b *Bus) subjectPrefix(topic es.Topic) string { return b.prefix() + "." + string(topic) + "." }

func (b *Bus) deadPrefix() string { return b.prefix() + ".dead." }

// helloSubject is where the workers of a topic tell each other that they are there.
func (b *Bus) helloSubject(topic es.Topic) string { return b.prefix() + ".bus." + string(topic) }

// place is the end of a message's subject: partition, tenant, category and id.
func (b *Bus) place(s es.Stream) string {
	return strconv.Itoa(b.log.partitionOf(s)) + "." + s.Tenant + "." + s.Category + "." + s.ID
}

// Publish implements [es.Publisher].
func (b *Bus) Publish(ctx context.Context, topic es.Topic, m es.Message) error {
	if err := es.CheckTopic(topic); err != nil {
		return err
	}
	if err := m.Check(); err != nil {
		return err
	}
	message := encodeMessage(b.subjectPrefix(topic)+b.place(m.To), m.ID, m)
	if size, limit := message.Size()+deadRoom, b.log.conn.MaxPayload(); int64(size) > limit {
		return fmt.Errorf("%w: message %s would have %d bytes as a dead letter, NATS takes %d: raise its max_payload", es.ErrTooLarge, m.ID, size, limit)
	}
	return b.publish(ctx, message)
}

// publish stores a message. Where no answer comes it sends it again, under the same id, until the budget of an append
// is used up.
func (b *Bus) publish(ctx context.Context, m *nats.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, b.log.config.AppendBudget)
	defer cancel()
	for attempt := 1; ; attempt++ {
		err := ctx.Err()
		if err == nil {
			try, cancel := context.WithTimeout(ctx, b.log.config.AckTimeout)
			_, err = b.log.publishOnce(try, m)
			cancel()
		}
		if err == nil {
			b.log.steer.works()
			return nil
		}
		b.log.steer.failed(ctx, err)
		if refused := refusal(m.Subject, err); refused != nil {
			return refused
		}
		if !retry.Sleep(ctx, sendPauses.Pause(attempt)) {
			return unavailable("publish to "+m.Subject, err)
		}
	}
}

// refusal is the error of an answer that is a "no"; nil where sending again may help.
func refusal(subject string, err error) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %s: %w", es.ErrTooLarge, subject, err)
	case errors.Is(err, nats.ErrConnectionClosed):
		return unavailable("publish to "+subject, err)
	case !errors.As(err, &api) || api.ErrorCode == errCodeDuplicateInProcess:
		return nil
	case api.ErrorCode == jetstream.JSErrCodeStreamMessageExceedsMaximum || api.ErrorCode == errCodeHeaderTooLarge:
		return fmt.Errorf("%w: %s: %w", es.ErrTooLarge, subject, err)
	case api.ErrorCode == errCodeStoreFailed && strings.HasPrefix(api.Description, "maximum "):
		return unavailable("publish to "+subject+": the queue is full; start more workers, or look for what holds them up", err)
	}
	return unavailable("publish to "+subject, err)
}

// errCodeStoreFailed says among others that a stream is full.
const errCodeStoreFailed jetstream.ErrorCode = 10077

// pausing waits between tries of what has to succeed: longer each time, up to 2 s.
func pausing(ctx context.Context, try int) bool {
	return retry.Sleep(ctx, retry.Policy{First: 50 * time.Millisecond, Max: 2 * time.Second}.Pause(try))
}
