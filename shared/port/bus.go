package port

import (
	"context"
	"fmt"
	"orchestrix/shared/core"
	"strings"
	"time"
)

// Topic is a kind of message: who sends it and what it is for. It is a queue: what its group has handled is gone.
type Topic string

// The platform's topics.
const (
	// CommandTopic carries commands to the command service.
	CommandTopic Topic = "cmd"
	// OutcomeTopic carries what became of a process's commands back to the process.
	ResultTopic Topic = "out"
)

// Topics are all the topics of a bus; it refuses any other.
var Topics = []Topic{CommandTopic, ResultTopic}

// Message is what travels over the bus.
type Message struct {
	// ID tells the message from every other of its topic: published again soon (within the duplicate window), it is kept
	// once. Its form is that of a command id.
	ID string
	// To is the stream that the message is for. The messages to one stream are handled in the order in which they were
	// published, one at a time.
	To     core.Stream
	Header map[string]string // correlation, trace; keys are lower case: see [Message.Check]
	Data   []byte            // at most [MaxMessageData] bytes
}

// MaxMessageData is how large the data of a message may be, in bytes: with its headers, and those of a dead letter, it has
// to fit into the 1 MiB that NATS takes by default.
const MaxMessageData = 1<<20 - 16<<10

// MaxMessageHeader is how large the header of a message may be, in bytes, keys and values together.
const MaxMessageHeader = 8 << 10

// Delivery is a message that is being handled.
type Delivery struct {
	Message
	Published time.Time
	// Attempt counts from 1. It survives the worker: a message that was being handled when the worker died counts as
	// tried, from the second death at the latest.
	Attempt int
}

// Publisher sends messages.
type Publisher interface {
	// Publish returns when the message is stored. It returns [ErrTooLarge]; [core.ErrBadToken] for a bad stream name, id or
	// header; and [ErrUnavailable], after which the message may have been stored: publish it again under its ID. A queue
	// that is full is unavailable, and says so.
	Publish(ctx context.Context, topic Topic, m Message) error
}

// Subscription is how a group of workers takes the messages of a topic. Zero values take the defaults.
type Subscription struct {
	// Group is a token that names the workers, which share the messages. A topic has one group: a second is refused while
	// the first is at work.
	Group string
	// Retry says how often and when a message is tried again whose handler failed.
	Retry core.RetryPolicy
	// MaxInFlight is how many messages, each to another stream, one worker handles at once; 64.
	MaxInFlight int
	// AckWait is how long a worker may be silent before its messages go to another; 10 s. A handler may take longer: the
	// bus says meanwhile that it is at work.
	AckWait time.Duration
}

// WithDefaults returns the subscription as an adapter uses it. Its error says what is wrong with it.
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
	// Subscribe hands the messages of a topic to handle, each at least once, those to one stream in order and one at a
	// time, until ctx ends. It then takes no more, lets the handlers that are at work finish (their context does not end
	// with ctx), and returns nil when the last has returned; what was waiting goes to another worker. The workers of a
	// group share the messages. Where the bus can't be reached, it keeps trying. It returns an error at once where the
	// subscription or the topic is wrong.
	//
	// A message whose handler returns nil is done. [Terminate] sends it to the dead letters at once, [RetryAfter] tries
	// it again after a time, and any other error, or a panic, when the retry policy says, up to its limit; then it goes to
	// the dead letters. Later messages to the same stream wait meanwhile, and go on when it is there.
	//
	// A worker that was silent for too long and comes back may be at work on a message that another handles too, so a
	// handler must be idempotent: a message's ID tells it what it has done before. The handler's context ends when the bus
	// learns of it.
	Subscribe(ctx context.Context, topic Topic, s Subscription, handle Handler) error
}

// MessageBus is the whole bus.
type MessageBus interface {
	Publisher
	Subscriber
	DeadLetters
}

// DeadLetters are the messages that could not be handled.
type DeadLetters interface {
	// DeadLetters are the dead letters, oldest first.
	DeadLetters(ctx context.Context, q DeadLetterQuery) ([]DeadLetter, error)

	// DeadLetter returns one, or [core.ErrNotFound].
	DeadLetter(ctx context.Context, number uint64) (DeadLetter, error)

	// RetryDeadLetter publishes the message again, under its ID and for the group that failed, and removes the dead letter.
	// It comes after what waits for its stream already: dead letters of one stream that are retried in the order of their
	// numbers keep that order among themselves. It returns [core.ErrNotFound].
	RetryDeadLetter(ctx context.Context, number uint64) error

	// DropDeadLetter removes the dead letter for good. It returns [core.ErrNotFound].
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

// DeadLetterQuery asks for dead letters.
type DeadLetterQuery struct {
	Topic Topic  // empty: all
	Group string // empty: all
	After uint64 // only those with a greater Number
	Limit int    // 0: 100
}

// DefaultDeadLetters is how many dead letters are listed where no limit is given.
const DefaultDeadLetters = 100

// Check says what is wrong with the message. Keys of its header are of lower-case letters, digits and dashes and don't
// start with "nats-", which is the server's; values have no line break and
// no space around them.
func (m *Message) Check() error {
	if err := m.To.Check(); err != nil {
		return err
	}
	if err := core.CheckCommandID(m.ID); err != nil {
		return fmt.Errorf("message: %w", err)
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
