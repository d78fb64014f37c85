package runtime

import (
	"encoding/json"
	"fmt"

	"orchestrix/shared/es"
)

// OutcomeStatus is how far a command that was sent over the bus has come.
type OutcomeStatus string

// The statuses of a command.
const (
	Pending  OutcomeStatus = "pending"  // not decided yet, or not known to be
	Accepted OutcomeStatus = "accepted" // its events are in the log
	Rejected OutcomeStatus = "rejected" // it had no effect, and won't have one
)

// CodeDeadLetter is the code of a pending outcome whose command only an operator can bring further.
const CodeDeadLetter = "dead-letter"

// Outcome is what became of a command that was sent over the bus. It is the body of the message to whom the command
// names, of the reply, and of the resource that clients poll.
type Outcome struct {
	CommandID string        `json:"command_id"`
	Stream    string        `json:"stream"` // "order-10248"
	Status    OutcomeStatus `json:"status"`

	// Of an accepted command.
	Version  es.Version `json:"version,omitempty"`  // of the stream after the command
	Position string     `json:"position,omitempty"` // of the commit; "3-1042"
	Events   []string   `json:"events,omitempty"`   // kinds

	// Of a rejected one.
	Refused bool            `json:"refused,omitempty"` // the domain was not asked: it is malformed, or nobody knows it
	Code    string          `json:"code,omitempty"`    // stable: the domain's own, "validation-failed", …
	Detail  string          `json:"detail,omitempty"`  // for people
	Problem json.RawMessage `json:"problem,omitempty"` // what HTTP would have answered (RFC 9457)
}

// Final reports whether the command is decided.
func (o *Outcome) Final() bool { return o.Status == Accepted || o.Status == Rejected }

// Encode makes the message that brings the outcome of m to whom m names, for [es.OutcomeTopic]. The same outcome makes
// the same message.
func (o *Outcome) Encode(m *CommandMessage) (es.Message, error) {
	body, err := es.Marshal(o)
	if err != nil {
		return es.Message{}, err
	}
	message := es.Message{
		ID: hashID("out", m.OutcomeTo.Path(), m.Stream.Path(), m.ID, string(o.Status)), To: m.OutcomeTo, Data: body,
		Header: map[string]string{headerCommandID: m.ID, headerCausation: m.ID, headerCorrelation: orElse(m.CorrelationID, m.ID)},
	}
	if m.Trace.Parent != "" {
		message.Header[headerTraceParent] = m.Trace.Parent
		if m.Trace.State != "" {
			message.Header[headerTraceState] = m.Trace.State
		}
	}
	return message, message.Check()
}

// DecodeOutcome reads what [Outcome.Encode] writes. Where it is no outcome, the error wraps [es.ErrBadPayload].
func DecodeOutcome(message es.Message) (Outcome, error) {
	var o Outcome
	if err := json.Unmarshal(message.Data, &o); err != nil {
		return Outcome{}, fmt.Errorf("%w: outcome for %s: %w", es.ErrBadPayload, message.To, err)
	}
	if !o.Final() || es.CheckCommandID(o.CommandID) != nil {
		return Outcome{}, fmt.Errorf("%w: outcome for %s: status %q of command %q is none", es.ErrBadPayload, message.To, o.Status, o.CommandID)
	}
	return o, nil
}
