package port

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Topic is a queue of messages of one kind. A message is removed when its group has handled it.
type Topic string

// The platform's topics.
const (
	// CommandTopic carries commands to the command service.
	CommandTopic Topic = "cmd"
	// ResultTopic carries the results of a process's commands back to the process.
	ResultTopic Topic = "out"
)

// The senders of the platform's own messages: the names of the users of NATS of the services. Only the process service sends
// internal commands.
const (
	CommandSender = "command" // asynchronous commands over HTTP, and results
	ProcessSender = "process" // commands of process instances, and deadlines
)

// Topics are all topics of a bus; it rejects any other.
var Topics = []Topic{CommandTopic, ResultTopic}

// Message is a message on the bus.
type Message struct {
	// ID is unique within the topic. A message that is published again within the duplicate window, while it waits, is stored
	// once; after that the bus may deliver it again. The form of ID is that of a command id.
	ID string
	// Sender is the name of the user of NATS that sends the message, a token. NATS lets a user send under its own name only.
	Sender string
	// To is the addressed stream. The messages to one stream are handled one at a time, in the order of publishing.
	To core.Stream
	// Name is the command, the command whose result the message is, or the deadline: a token.
	Name   string
	Header map[string]string // correlation, trace; keys are lower case: see [Message.Check]
	Data   []byte            // at most [MaxMessageData] bytes
}

// MaxMessageData is the maximum size of a message's data, in bytes. With the headers of the message and of a dead letter, it
// fits into the 1 MiB that NATS accepts by default.
const MaxMessageData = 1<<20 - 16<<10

// MaxMessageHeader is the maximum size of a message's header, in bytes, keys and values together.
const MaxMessageHeader = 8 << 10

// Delivery is a message that is being handled.
type Delivery struct {
	Message
	Published time.Time
	// Attempt counts from 1, across workers: an attempt that ended with the death of the worker counts, from the second
	// death at the latest.
	Attempt int
}

// Publisher sends messages.
type Publisher interface {
	// Publish returns when the message is stored. It returns [ErrTooLarge]; [core.ErrBadToken] for a bad stream name, id or
	// header; and [ErrUnavailable], also for a full queue, after which the message may have been stored: publish it again
	// under its ID.
	Publish(ctx context.Context, topic Topic, m Message) error
}

// Subscription configures a group of workers that share the messages of a topic. Zero values are the defaults.
type Subscription struct {
	// Group is a token, the name of the workers that share the messages. A topic has one group: a second one is rejected
	// while the first is active.
	Group string
	// Retry configures the attempts of a message whose handler fails.
	Retry core.RetryPolicy
	// MaxInFlight is the number of messages, each to another stream, that one worker handles concurrently; 64.
	MaxInFlight int
	// AckWait is the time without a sign of life after which a worker's messages go to another; 10 s. A handler may take
	// longer, because the bus sends signs of life meanwhile.
	AckWait time.Duration
}

// WithDefaults returns the subscription with its defaults. It returns an error for an invalid group, retry policy or number.
func (s Subscription) WithDefaults() (Subscription, error) {
	s.Retry = s.Retry.WithDefaults()
	if s.MaxInFlight == 0 {
		s.MaxInFlight = 64
	}
	if s.AckWait == 0 {
		s.AckWait = 10 * time.Second
	}
	if err := core.CheckToken("group", s.Group); err != nil {
		return s, err
	}
	if s.MaxInFlight < 0 || s.AckWait < 0 {
		return s, fmt.Errorf("subscription of %s: %d messages in flight, %s of silence: neither may be negative", s.Group, s.MaxInFlight, s.AckWait)
	}
	return s, s.Retry.Check()
}

// Subscriber takes messages.
type Subscriber interface {
	// Subscribe calls handle with the messages of a topic, each at least once; with those to one stream one at a time, in
	// order. When ctx ends, it accepts no more messages, waits for the running handlers (whose context does not end with
	// ctx), and returns nil; waiting messages go to another worker. While the bus is not reachable, it retries. It returns
	// an error immediately for an invalid subscription or topic.
	//
	// A message whose handler returns nil is removed. [Terminate] sends it to the dead letters, [RetryAfter] retries it
	// after a pause, and any other error or a panic retries it by the retry policy, up to its limit; then the message goes
	// to the dead letters. Later messages to the same stream wait until then.
	//
	// A worker that was silent for too long may handle a message that another worker handles too. Handlers must therefore be
	// idempotent, by the message's ID. The handler's context ends when the bus detects this.
	Subscribe(ctx context.Context, topic Topic, s Subscription, handle Handler) error
}

// MessageBus is the whole bus, as an adapter implements it.
type MessageBus interface {
	Publisher
	Subscriber
	DeadLetters
}

// DeadLetters reads, retries and drops dead letters.
type DeadLetters interface {
	// DeadLetters returns dead letters, oldest first.
	DeadLetters(ctx context.Context, q DeadLetterQuery) ([]DeadLetter, error)

	// DeadLetter returns one, or [core.ErrNotFound].
	DeadLetter(ctx context.Context, number uint64) (DeadLetter, error)

	// RetryDeadLetter publishes the message again, under its ID and for the group that failed, and removes the dead letter.
	// The message is handled after those that wait for its stream already; dead letters of one stream that are retried in
	// the order of their numbers keep that order. It returns [core.ErrNotFound].
	RetryDeadLetter(ctx context.Context, number uint64) error

	// DropDeadLetter removes the dead letter permanently. It returns [core.ErrNotFound].
	DropDeadLetter(ctx context.Context, number uint64) error
}

// DeadLetter is a message that could not be handled.
type DeadLetter struct {
	Message
	Number    uint64 // rises
	Topic     Topic
	Group     string
	Error     string // of the last attempt
	Attempts  int
	Published time.Time
	Died      time.Time
}

// DeadLetterQuery selects dead letters.
type DeadLetterQuery struct {
	Topic Topic  // empty: all
	Group string // empty: all
	After uint64 // only those with a greater Number
	Limit int    // 0: 100
}

// DefaultDeadLetters is the limit of a [DeadLetterQuery] without one.
const DefaultDeadLetters = 100

// Check returns [ErrTooLarge], or an error that wraps [core.ErrBadToken] for an invalid sender, stream, name, id or header. Header keys
// consist of lower-case letters, digits and dashes and do not start with "nats-"; values have no line break and no space
// around them.
func (m *Message) Check() error {
	if err := m.To.Check(); err != nil {
		return err
	}
	if err := core.CheckCommandID(m.ID); err != nil {
		return fmt.Errorf("message: %w", err)
	}
	if err := errors.Join(core.CheckToken("sender", m.Sender), core.CheckToken("name", m.Name)); err != nil {
		return fmt.Errorf("message %s: %w", m.ID, err)
	}
	if len(m.Data) > MaxMessageData {
		return fmt.Errorf("%w: message %s has %d bytes, the bus takes %d", ErrTooLarge, m.ID, len(m.Data), MaxMessageData)
	}
	size := 0
	for key, value := range m.Header {
		size += len(key) + len(value)
		if err := checkHeader(key, value); err != nil {
			return fmt.Errorf("message %s: %w", m.ID, err)
		}
	}
	if size > MaxMessageHeader {
		return fmt.Errorf("%w: message %s has %d bytes of headers, the bus takes %d", ErrTooLarge, m.ID, size, MaxMessageHeader)
	}
	return nil
}

func checkHeader(key, value string) error {
	if key == "" || strings.HasPrefix(key, "nats-") {
		return fmt.Errorf("%w: header %q is not for callers to set", core.ErrBadToken, key)
	}
	for i := range len(key) {
		if b := key[i]; !core.IsTokenByte(b) || b == '_' || b >= 'A' && b <= 'Z' {
			return fmt.Errorf("%w: header %q may hold only lower-case letters, digits and '-'", core.ErrBadToken, key)
		}
	}
	if strings.ContainsAny(value, "\r\n") || strings.TrimSpace(value) != value {
		return fmt.Errorf("%w: header %s holds a line break, or space around it", core.ErrBadToken, key)
	}
	return nil
}

// CheckTopic returns an error that wraps [core.ErrBadToken] unless the topic is one of [Topics].
func CheckTopic(topic Topic) error {
	for _, known := range Topics {
		if topic == known {
			return nil
		}
	}
	return fmt.Errorf("%w: topic %q is none of %v", core.ErrBadToken, topic, Topics)
}
