package runtime

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"orchestrix/shared/es"
)

// Headers of the messages that carry commands and outcomes. The bus takes lower-case names only.
const (
	headerCommand     = "orx-command"        // the command's name
	headerCommandID   = "orx-command-id"     // its id
	headerIfMatch     = "orx-if-match"       // the version that the stream must have
	headerOutcomeTo   = "orx-outcome-to"     // category/id of the stream that wants the outcome as a message
	headerReplyTo     = "orx-reply-to"       // the NATS subject that wants the outcome
	headerCorrelation = "orx-correlation-id" //
	headerCausation   = "orx-causation-id"   //
	headerTraceParent = "traceparent"        // as W3C has it
	headerTraceState  = "tracestate"
)

// replyPrefix starts every subject that may be replied to. The services may write to more subjects than whoever sends a
// command: without this, a command could have them write into the log.
const replyPrefix = "_INBOX"

// maxReplyTo is how long such a subject may be, in bytes. NATS ends the connection of whoever publishes to one that does not
// fit into a line, and the client library takes that for final: a command could put the services out of action.
const maxReplyTo = 256

// maxCorrelation is how long the ids are of what a command belongs to, in bytes: they travel with all that it sets off.
const maxCorrelation = 256

// CommandMessage is a command on its way over the bus, and where its outcome goes.
type CommandMessage struct {
	Command

	// OutcomeTo is the stream to which the outcome is sent on [es.OutcomeTopic]; the zero stream is nobody. It belongs to
	// the tenant of the command.
	OutcomeTo es.Stream
	// ReplyTo is the subject of core NATS to which the outcome is published, an inbox; empty is nobody.
	ReplyTo string
}

// Encode makes the message, for [es.CommandTopic]. The same command makes the same message, so that it is kept once when
// it is published again soon. It returns [es.ErrBadToken] where a part does not have its form.
func (m *CommandMessage) Encode() (es.Message, error) {
	if err := m.check(); err != nil {
		return es.Message{}, err
	}
	header := map[string]string{headerCommand: m.Name, headerCommandID: m.ID}
	if m.IfMatch != nil {
		header[headerIfMatch] = m.IfMatch.String()
	}
	if m.OutcomeTo != (es.Stream{}) {
		header[headerOutcomeTo] = m.OutcomeTo.Category + "/" + m.OutcomeTo.ID
	}
	maps.Copy(header, map[string]string{
		headerReplyTo: m.ReplyTo, headerCorrelation: m.CorrelationID, headerCausation: m.CausationID,
		headerTraceParent: m.Trace.Parent, headerTraceState: m.Trace.State,
	})
	maps.DeleteFunc(header, func(_, value string) bool { return value == "" })
	message := es.Message{ID: m.messageID(), To: m.Stream, Header: header, Data: m.Body}
	return message, message.Check()
}

// messageID names the command and its body: a command id that comes again with another body is another message, and has
// to be refused by who handles it.
func (m *CommandMessage) messageID() string {
	return hashID("cmd", m.Stream.Path(), m.ID, es.HashCommand(m.Name, m.Body), m.OutcomeTo.Path(), m.ReplyTo)
}

// hashID is an id that follows from parts which are too long for one together.
func hashID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

func (m *CommandMessage) check() error {
	if err := m.Stream.Check(); err != nil {
		return err
	}
	if err := es.CheckCommandID(m.ID); err != nil {
		return err
	}
	if err := es.CheckToken("command", m.Name); err != nil {
		return err
	}
	for _, id := range []string{m.CorrelationID, m.CausationID} {
		if len(id) > maxCorrelation || strings.TrimSpace(id) != id {
			return fmt.Errorf("%w: command %s: %s and %s have at most %d bytes, and no space around them",
				es.ErrBadToken, m.ID, headerCorrelation, headerCausation, maxCorrelation)
		}
	}
	if m.OutcomeTo != (es.Stream{}) {
		if err := m.OutcomeTo.Check(); err != nil {
			return fmt.Errorf("outcome of command %s: %w", m.ID, err)
		}
		if m.OutcomeTo.Tenant != m.Stream.Tenant {
			return fmt.Errorf("%w: command %s of tenant %s: its outcome can't go to tenant %s", es.ErrBadToken, m.ID, m.Stream.Tenant, m.OutcomeTo.Tenant)
		}
	}
	if m.ReplyTo != "" && !isInbox(m.ReplyTo) {
		return fmt.Errorf("%w: command %s: %s %.300q must be an inbox: a subject of at most %d bytes, without wildcards, that starts with %s",
			es.ErrBadToken, m.ID, headerReplyTo, m.ReplyTo, maxReplyTo, replyPrefix)
	}
	return nil
}

// isInbox reports whether a subject is one that clients of NATS make up for replies: the prefix is theirs to extend.
func isInbox(subject string) bool {
	if len(subject) > maxReplyTo {
		return false
	}
	tokens := strings.Split(subject, ".")
	for _, token := range tokens {
		if token == "" || strings.ContainsAny(token, " \t\r\n*>") {
			return false
		}
	}
	return strings.HasPrefix(subject, replyPrefix) && len(tokens) > 1
}

// DecodeCommand reads what [CommandMessage.Encode] writes, or any other client of NATS. Where it is no command, the
// error wraps [es.ErrBadToken].
func DecodeCommand(message es.Message) (CommandMessage, error) {
	h := message.Header
	m := CommandMessage{
		Command: Command{
			Stream: message.To, Name: h[headerCommand], ID: h[headerCommandID], Body: message.Data,
			CorrelationID: h[headerCorrelation], CausationID: h[headerCausation],
			Trace: es.Trace{Parent: h[headerTraceParent], State: h[headerTraceState]},
		},
		ReplyTo: h[headerReplyTo],
	}
	if text := h[headerIfMatch]; text != "" {
		number, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return CommandMessage{}, fmt.Errorf("%w: %s is %q, it must be a version", es.ErrBadToken, headerIfMatch, text)
		}
		version := es.Version(number)
		m.IfMatch = &version
	}
	if text := h[headerOutcomeTo]; text != "" {
		category, id, ok := strings.Cut(text, "/")
		if !ok {
			return CommandMessage{}, fmt.Errorf("%w: %s is %q, it must be category/id", es.ErrBadToken, headerOutcomeTo, text)
		}
		m.OutcomeTo = es.Stream{Tenant: message.To.Tenant, Category: category, ID: id}
	}
	return m, m.check()
}
