package runtime

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// AsyncState is the progress of a command that was sent over the bus.
type AsyncState string

// The states of a command.
const (
	Pending  AsyncState = "pending"  // not decided yet, or not known to be
	Accepted AsyncState = "accepted" // its events are in the log
	Rejected AsyncState = "rejected" // it had no effect, and never will
)

// CodeDeadLetter is the code of a pending command that is a dead letter: only an operator can retry it.
const CodeDeadLetter = "dead-letter"

// AsyncStatus is the status of a command that was sent over the bus. It is the body of the message to the stream that the
// command names, of the reply, and of the resource that clients poll.
type AsyncStatus struct {
	CommandID string     `json:"command_id"`
	Stream    string     `json:"stream"` // "order-10248"
	State     AsyncState `json:"status"`

	// Of an accepted command.
	Version  core.Version `json:"version,omitempty"`  // of the stream after the command
	Position string       `json:"position,omitempty"` // of the commit; "3-1042"
	Events   []string     `json:"events,omitempty"`   // kinds

	// Of a rejected command.
	Refused bool            `json:"refused,omitempty"` // without asking the domain: the command is malformed or unknown
	Code    string          `json:"code,omitempty"`    // stable: the domain's own, "validation-failed", …
	Detail  string          `json:"detail,omitempty"`  // for people
	Problem json.RawMessage `json:"problem,omitempty"` // what HTTP would have answered (RFC 9457)
}

// Final reports whether the command is decided.
func (s *AsyncStatus) Final() bool { return s.State == Accepted || s.State == Rejected }

// Encode returns the message for [port.ResultTopic] that brings the status of m to m.ResultTo. The same status encodes to
// the same message.
func (s *AsyncStatus) Encode(m *AsyncMessage) (port.Message, error) {
	body, err := core.Marshal(s)
	if err != nil {
		return port.Message{}, err
	}
	message := port.Message{
		ID: hashID("out", m.ResultTo.Path(), m.Stream.Path(), m.ID, string(s.State)), Sender: port.CommandSender, To: m.ResultTo, Name: m.Name, Data: body,
		Header: map[string]string{headerCommandID: m.ID, headerCausation: m.ID, headerCorrelation: cmp.Or(m.CorrelationID, m.ID)},
	}
	if m.Trace.Parent != "" {
		message.Header[headerTraceParent] = m.Trace.Parent
		if m.Trace.State != "" {
			message.Header[headerTraceState] = m.Trace.State
		}
	}
	return message, message.Check()
}

// DecodeAsyncStatus reads a message of [AsyncStatus.Encode]. The error wraps [core.ErrBadPayload] if the message is not a final
// status.
func DecodeAsyncStatus(message port.Message) (AsyncStatus, error) {
	var s AsyncStatus
	if err := json.Unmarshal(message.Data, &s); err != nil {
		return AsyncStatus{}, fmt.Errorf("%w: result for %s: %w", core.ErrBadPayload, message.To, err)
	}
	if !s.Final() || core.CheckCommandID(s.CommandID) != nil {
		return AsyncStatus{}, fmt.Errorf("%w: result for %s: status %q of command %q is not final", core.ErrBadPayload, message.To, s.State, s.CommandID)
	}
	return s, nil
}

// Refusal describes an error to the client.
type Refusal struct {
	Code    string
	Detail  string
	Problem json.RawMessage // RFC 9457
}
