package es

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Topic is a kind of message: who sends it and what it is for.
type Topic string

// The platform's topics.
const (
	// CommandTopic carries commands to the command service.
	CommandTopic Topic = "cmd"
	// OutcomeTopic carries what became of a process's commands back to the process.
	OutcomeTopic Topic = "out"
)

// Message is what travels over the bus.
type Message struct {
	// ID tells the message from every other of its topic: published again soon, it is kept once.
	ID string
	// To is the stream that the message is for. The messages to one stream are handled in the order in which they were
	// published, one at a time.
	To     Stream
	Header map[string]string // correlation, trace; no key may repeat with another case
	Data   []byte
}

// Delivery is a message that is being handled.
type Delivery struct {
	Message
	Published time.Time
	Attempt   int // from 1
}

// Publisher sends messages.
type Publisher interface {
	// Publish returns when the message is stored. It returns [ErrTooLarge], [ErrBadToken] for a bad stream name, and
	// [ErrUnavailable], after which the message may have been stored: publish it again under its ID.
	Publish(ctx context.Context, topic Topic, m Message) error
}

// Subscription is how a group of workers takes the messages of a topic.
type Subscription struct {
	Group string // a token; each group gets every message once, whichever of its workers takes it
	// Retry says how often and when a message is tried again whose handler failed.
	Retry RetryPolicy
	// MaxInFlight is how many messages, each to another stream, one worker handles at once.
	MaxInFlight int
	// AckWait is how long a worker may be silent before its messages go to another. A handler may take longer: the bus
	// says meanwhile that it is at work.
	AckWait time.Duration
}

// Subscriber takes messages.
type Subscriber interface {
	// Subscribe hands the messages of a topic to handle, each at least once, those to one stream in order and one at a
	// time, until ctx ends; it returns nil when the last handler has returned. The workers of a group share the messages.
	//
	// A message whose handler returns nil is done. [Terminate] sends it to the dead letters at once, [RetryAfter] tries
	// it again after a time, and any other error when the retry policy says, up to its limit; then it goes to the dead
	// letters. Later messages to the same stream wait meanwhile.
	Subscribe(ctx context.Context, topic Topic, s Subscription, handle func(context.Context, Delivery) error) error
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

	// DeadLetter returns one, or [ErrNotFound].
	DeadLetter(ctx context.Context, id uint64) (DeadLetter, error)

	// RetryDeadLetter publishes the message again, for the group that failed alone, and removes the dead letter. It
	// returns [ErrNotFound].
	RetryDeadLetter(ctx context.Context, id uint64) error

	// DropDeadLetter removes the dead letter for good. It returns [ErrNotFound].
	DropDeadLetter(ctx context.Context, id uint64) error
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
	Limit int
}

// RetryPolicy says when a failed attempt is repeated.
type RetryPolicy struct {
	Backoff Backoff
	First   time.Duration // the pause after the first failure
	Max     time.Duration // the longest pause
	Limit   int           // attempts in all; 0 is no limit
}

// Backoff is how the pause between attempts grows.
type Backoff string

// The ways in which the pause between attempts grows.
const (
	Exponential Backoff = "exponential" // it doubles, with jitter
	Linear      Backoff = "linear"      // it grows by First each time
	Fixed       Backoff = "fixed"       // it stays First
	NoBackoff   Backoff = "none"        // there is none
)

// Terminate tells the bus that trying again is of no use.
func Terminate(err error) error { return &terminated{err} }

// IsTerminated reports whether err says that trying again is of no use.
func IsTerminated(err error) bool {
	var t *terminated
	return errors.As(err, &t)
}

type terminated struct{ error }

func (t *terminated) Unwrap() error { return t.error }

// RetryAfter tells the bus to try again after a time of the handler's choice. The attempt counts.
func RetryAfter(pause time.Duration, err error) error { return &retryAfter{err, pause} }

// RetryPause is the time that [RetryAfter] has set.
func RetryPause(err error) (time.Duration, bool) {
	var r *retryAfter
	if errors.As(err, &r) {
		return r.pause, true
	}
	return 0, false
}

type retryAfter struct {
	error
	pause time.Duration
}

func (r *retryAfter) Unwrap() error { return r.error }

// Check says what is wrong with the message.
func (m *Message) Check() error {
	if err := m.To.Check(); err != nil {
		return err
	}
	if err := CheckCommandID(m.ID); err != nil {
		return fmt.Errorf("message: %w", err)
	}
	return nil
}
