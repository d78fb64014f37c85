package runtime

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Headers of the messages that carry commands and statuses. The bus accepts lower-case names only.
const (
	headerCommandID   = "orx-command-id"     // its id
	headerIfMatch     = "orx-if-match"       // the version that the stream must have
	headerResultTo    = "orx-outcome-to"     // category/id of the stream that receives the status as a message
	headerReplyTo     = "orx-reply-to"       // the NATS subject that receives the status
	headerCorrelation = "orx-correlation-id" // the command's correlation id
	headerCausation   = "orx-causation-id"   // its causation id
	headerPrincipal   = "orx-principal"      // its origin; the sender is in the subject
	headerActor       = "orx-actor"
	headerVia         = "orx-via"
	headerKeyID       = "orx-key-id"
	headerTraceParent = "traceparent" // W3C trace context
	headerTraceState  = "tracestate"
)

// Every subject that may be replied to starts with replyPrefix and "_<sender>.", or with replyPrefix and ".": the inboxes of
// clients where NATS has no users. The services may publish to more subjects than the sender of a command: without the prefix,
// a command could make them write into the log, or into the inbox of another user.
const replyPrefix = "_INBOX"

// maxReplyTo is the maximum length of such a subject, in bytes. NATS closes the connection of a client that publishes to a
// subject that does not fit into a line, and the client library does not reconnect then: a command could stop the services.
const maxReplyTo = 256

// maxCorrelation is the maximum length of a correlation or causation id, in bytes: every message and commit that follows
// from the command carries them.
const maxCorrelation = 256

// AsyncMessage is a command that travels over the bus, with the receivers of its status. Its sender is that of its origin.
type AsyncMessage struct {
	Command

	// ResultTo is the process instance that receives the status on [port.ResultTopic]; none if zero. It belongs to the command's
	// tenant, and only [port.ProcessSender] may name one.
	ResultTo core.Stream
	// ReplyTo is the inbox of core NATS that receives the status; none if empty.
	ReplyTo string
}

// Encode returns the message for [port.CommandTopic]. The same command encodes to the same message, so that the bus drops a
// copy that is published again soon. It returns [core.ErrBadToken] if a part is malformed.
func (m *AsyncMessage) Encode() (port.Message, error) {
	if err := m.check(); err != nil {
		return port.Message{}, err
	}
	header := map[string]string{headerCommandID: m.ID}
	if m.IfMatch != nil {
		header[headerIfMatch] = m.IfMatch.String()
	}
	if m.ResultTo != (core.Stream{}) {
		header[headerResultTo] = m.ResultTo.Category + "/" + m.ResultTo.ID
	}
	maps.Copy(header, map[string]string{
		headerReplyTo: m.ReplyTo, headerCorrelation: m.CorrelationID, headerCausation: m.CausationID,
		headerTraceParent: m.Trace.Parent, headerTraceState: m.Trace.State,
		headerPrincipal: m.Origin.Principal, headerActor: m.Origin.Actor, headerVia: m.Origin.Via, headerKeyID: m.Origin.KeyID,
	})
	maps.DeleteFunc(header, func(_, value string) bool { return value == "" })
	message := port.Message{ID: m.messageID(), Sender: m.Origin.Sender, To: m.Stream, Name: m.Name, Header: header, Data: m.Body}
	return message, message.Check()
}

// messageID identifies the command and its body: the same command id with another body is another message, which the worker
// has to see and reject.
func (m *AsyncMessage) messageID() string {
	return hashID("cmd", m.Stream.Path(), m.ID, core.HashCommand(m.Name, m.Body), m.ResultTo.Path(), m.ReplyTo, m.Origin.Sender)
}

// hashID derives an id from parts that are too long to be joined.
func hashID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

func (m *AsyncMessage) check() error {
	if m.Type == nil { // otherwise the caller has checked the ids
		if err := m.Check(); err != nil {
			return err
		}
	}
	if err := core.CheckToken("command", m.Name); err != nil {
		return err
	}
	if err := errors.Join(core.CheckToken("sender", m.Origin.Sender), m.Origin.Check()); err != nil {
		return fmt.Errorf("command %s: %w", m.ID, err)
	}
	for _, id := range []string{m.CorrelationID, m.CausationID} {
		if len(id) > maxCorrelation || strings.TrimSpace(id) != id {
			return fmt.Errorf("%w: command %s: %s and %s have at most %d bytes, and no space around them",
				core.ErrBadToken, m.ID, headerCorrelation, headerCausation, maxCorrelation)
		}
	}
	if m.ResultTo != (core.Stream{}) {
		if err := m.checkResultTo(); err != nil {
			return err
		}
	}
	if m.ReplyTo != "" && !isInbox(m.ReplyTo, m.Origin.Sender) {
		return fmt.Errorf("%w: command %s: %s %.300q must be an inbox of its sender (%s_%s.… or %s.…): a subject of at most %d bytes, without wildcards",
			core.ErrBadToken, m.ID, headerReplyTo, m.ReplyTo, replyPrefix, m.Origin.Sender, replyPrefix, maxReplyTo)
	}
	return nil
}

// checkResultTo checks the receiver of the status. A process takes what it receives there as the results of its own commands, so
// no other sender may have any sent to it.
func (m *AsyncMessage) checkResultTo() error {
	if err := m.ResultTo.Check(); err != nil {
		return fmt.Errorf("receiver of the result of command %s: %w", m.ID, err)
	}
	if m.ResultTo.Tenant != m.Stream.Tenant {
		return fmt.Errorf("%w: command %s of tenant %s: its result can't go to tenant %s", core.ErrBadToken, m.ID, m.Stream.Tenant, m.ResultTo.Tenant)
	}
	if m.Origin.Sender != port.ProcessSender {
		return fmt.Errorf("%w: command %s of sender %q has the header %s, which only processes send: use %s",
			core.ErrBadToken, m.ID, m.Origin.Sender, headerResultTo, headerReplyTo)
	}
	return nil
}

// isInbox reports whether a subject is one that a NATS client of the sender creates for replies.
func isInbox(subject, sender string) bool {
	if len(subject) > maxReplyTo {
		return false
	}
	tokens := strings.Split(subject, ".")
	for _, token := range tokens {
		if token == "" || strings.ContainsAny(token, " \t\r\n*>") {
			return false
		}
	}
	return (tokens[0] == replyPrefix || tokens[0] == replyPrefix+"_"+sender) && len(tokens) > 1
}

// DecodeAsyncMessage reads a message of [AsyncMessage.Encode], or of any other NATS client, and checks its ids. The error wraps
// [core.ErrBadToken] if the message is not a command.
func DecodeAsyncMessage(message port.Message) (AsyncMessage, error) {
	h := message.Header
	m := AsyncMessage{Command: CommandCausedBy(message), ReplyTo: h[headerReplyTo]}
	m.Stream, m.Name, m.ID, m.Body = message.To, message.Name, h[headerCommandID], message.Data
	m.Origin = originOf(message)
	if text := h[headerIfMatch]; text != "" {
		number, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return AsyncMessage{}, fmt.Errorf("%w: %s is %q, it must be a version", core.ErrBadToken, headerIfMatch, text)
		}
		version := core.Version(number)
		m.IfMatch = &version
	}
	if text := h[headerResultTo]; text != "" {
		category, id, ok := strings.Cut(text, "/")
		if !ok {
			return AsyncMessage{}, fmt.Errorf("%w: %s is %q, it must be category/id", core.ErrBadToken, headerResultTo, text)
		}
		m.ResultTo = core.Stream{Tenant: message.To.Tenant, Category: category, ID: id}
	}
	return m, m.check()
}

// originOf returns the origin of a message. Other senders than the services know nothing of an origin but their own name.
func originOf(message port.Message) core.Origin {
	o := core.Origin{Sender: message.Sender}
	if o.Sender == port.CommandSender || o.Sender == port.ProcessSender {
		h := message.Header
		o.Principal, o.Actor, o.Via, o.KeyID = h[headerPrincipal], h[headerActor], h[headerVia], h[headerKeyID]
	}
	return o
}

// CommandCausedBy returns a command that has only the correlation, causation and trace of a message.
func CommandCausedBy(message port.Message) Command {
	h := message.Header
	return Command{
		CorrelationID: h[headerCorrelation], CausationID: h[headerCausation],
		Trace: core.Trace{Parent: h[headerTraceParent], State: h[headerTraceState]},
	}
}
