package core

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	jsonv1 "github.com/go-json-experiment/json/v1"
)

// Commit holds the events of one accepted command: the unit of append to the log.
type Commit struct {
	Stream   Stream
	Version  Version   // of the stream after this commit
	Position Position  // given by the log
	Time     time.Time // when the command was decided, UTC
	Command  CommandRef
	Events   []Recorded

	CorrelationID string // shared by all commands and events that follow from one first request
	CausationID   string // of the message that led to these events; the command id where no other is known
	Origin        Origin
	Trace         Trace

	// Previous holds the sequences of up to [MaxPrevious] commits of this stream before this one, newest
	// first, where the log keeps them.
	Previous []uint64

	// Err is set by a [port.Feed] on a message of the log that is not a readable commit; it wraps [ErrCorrupt], or [ErrNoise] where
	// the message does not claim to be a commit. The other fields are then empty, except Position, Stream where its name is
	// readable, and Time of noise.
	Err error
}

// MaxPrevious is how many back-pointers a commit carries.
const MaxPrevious = 16

// Trace is the W3C trace context under which a commit was written.
type Trace struct {
	Parent string // traceparent
	State  string // tracestate
}

// Recorded is one event as the log holds it.
type Recorded struct {
	Type   string          // module and kind: "ordering.OrderPlaced"
	Schema int             // schema version of the payload, from 1
	Data   json.RawMessage // the payload
}

// Kind returns the event's kind without its module: "OrderPlaced".
func (r Recorded) Kind() string { return r.Type[strings.LastIndexByte(r.Type, '.')+1:] }

// IsNoise reports whether this is no commit, but a message that every reader passes over.
func (c *Commit) IsNoise() bool { return errors.Is(c.Err, ErrNoise) }

// First returns the version of the commit's first event.
func (c *Commit) First() Version { return c.Version - Version(len(c.Events)) + 1 }

// Kinds returns the kinds of the commit's events, in order.
func (c *Commit) Kinds() []string {
	kinds := make([]string, len(c.Events))
	for i, e := range c.Events {
		kinds[i] = e.Kind()
	}
	return kinds
}

// Check is called by every log before it writes the commit, so that all written commits are readable. It returns an error
// that wraps [ErrBadToken] for a bad stream name, command id or origin, and [ErrBadPayload] where there is no event, or an event
// without type, schema version or data.
func (c *Commit) Check() error {
	if err := c.Stream.Check(); err != nil {
		return err
	}
	if err := CheckCommandID(c.Command.ID); err != nil {
		return err
	}
	if err := c.Origin.Check(); err != nil {
		return fmt.Errorf("%s: %w", c.Stream, err)
	}
	if len(c.Events) == 0 {
		return fmt.Errorf("%w: %s: a commit holds at least one event", ErrBadPayload, c.Stream)
	}
	for i, e := range c.Events {
		if e.Type == "" || e.Schema < 1 || !jsonv1.Valid(e.Data) {
			return fmt.Errorf("%w: %s: event %d of the commit (type %q, schema version %d) needs a type, a schema version from 1 and JSON data",
				ErrBadPayload, c.Stream, i+1, e.Type, e.Schema)
		}
	}
	return nil
}

// Digest returns a SHA-256 of the commit's stream, version, command, events, and origin, if that is known. It does not depend on
// the commit's position.
func (c *Commit) Digest() []byte {
	hash := sha256.New()
	fmt.Fprintf(hash, "%s %d %q %q %d", c.Stream.Path(), c.Version, c.Command.ID, c.Command.Hash, len(c.Events))
	for _, e := range c.Events {
		fmt.Fprintf(hash, " %q %d %d ", e.Type, e.Schema, len(e.Data))
		hash.Write(e.Data)
	}
	if o := c.Origin; o != (Origin{}) {
		fmt.Fprintf(hash, " %q %q %q %q %q", o.Sender, o.Principal, o.Actor, o.Via, o.KeyID)
	}
	return hash.Sum(nil)
}
