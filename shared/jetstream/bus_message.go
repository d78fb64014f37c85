package jetstream

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// The headers of messages beside those of [port.Message], which are in lower case.
const (
	headerMessageID = "Orx-Message-Id" // where it differs from Nats-Msg-Id
	headerError     = "Orx-Error"      // of the last attempt
	headerAttempts  = "Orx-Attempts"   // their number
	headerPublished = "Orx-Published"  // when the dead letter was published, RFC 3339
)

// maxDeadError is the maximum size of the error in a dead letter, in bytes.
const maxDeadError = 4 << 10

// encodeMessage makes a message that JetStream deduplicates by unique.
func encodeMessage(subject, unique string, m port.Message) *nats.Msg {
	header := nats.Header{jetstream.MsgIDHeader: {unique}}
	if unique != m.ID {
		header[headerMessageID] = []string{m.ID}
	}
	for key, value := range m.Header {
		header[key] = []string{value}
	}
	return &nats.Msg{Subject: subject, Header: header, Data: m.Data}
}

// decodeMessage reads a message whose subject ends with <partition>.<sender>.<tenant>.<category>.<id>.<name>. It returns an
// error if that is not the subject of a message to a stream in its partition: no worker may handle the message then. Any client
// may have published it, so it may lack an id.
func (b *Bus) decodeMessage(rest string, sequence uint64, header nats.Header, data []byte) (port.Message, error) {
	m := port.Message{ID: header.Get(headerMessageID), Data: data}
	if m.ID == "" {
		m.ID = header.Get(jetstream.MsgIDHeader)
	}
	if m.ID == "" {
		m.ID = "message-" + strconv.FormatUint(sequence, 10)
	}
	for key, values := range header {
		if isMessageHeader(key) && len(values) > 0 {
			if m.Header == nil {
				m.Header = map[string]string{}
			}
			m.Header[key] = values[0]
		}
	}
	parts := strings.Split(rest, ".")
	if len(parts) != 6 {
		return m, fmt.Errorf("%w: %q is not <partition>.<sender>.<tenant>.<category>.<id>.<name>", core.ErrBadToken, rest)
	}
	m.Sender, m.To, m.Name = parts[1], core.Stream{Tenant: parts[2], Category: parts[3], ID: parts[4]}, parts[5]
	if err := errors.Join(m.To.Check(), core.CheckToken("sender", m.Sender), core.CheckToken("name", m.Name)); err != nil {
		return m, err
	}
	if belongs := b.partitionOf(m.To); strconv.Itoa(belongs) != parts[0] {
		return m, fmt.Errorf("%w: a message to %s was published to partition %s, it belongs into %d", core.ErrBadToken, m.To, parts[0], belongs)
	}
	return m, nil
}

// isMessageHeader reports whether a header of NATS is one of [port.Message].
func isMessageHeader(key string) bool {
	return key == strings.ToLower(key) && !strings.HasPrefix(key, "nats-")
}

// encodeDeadLetter makes the dead letter of a message. JetStream deduplicates it by unique.
func (b *Bus) encodeDeadLetter(topic port.Topic, group, rest, unique string, d port.Delivery, cause error) *nats.Msg {
	m := encodeMessage(b.config.deadPrefix()+string(topic)+"."+group+"."+shortenTokens(rest), unique, shortenMessage(d.Message))
	m.Header[headerError] = []string{escapeLines(cause.Error())}
	m.Header[headerAttempts] = []string{strconv.Itoa(d.Attempt)}
	m.Header[headerPublished] = []string{d.Published.UTC().Format(time.RFC3339Nano)}
	return m
}

// Any client may have published what becomes a dead letter, with names and headers of any length that NATS takes. A dead
// letter keeps slightly more of them than a valid message may have: it fits into a line and a header of NATS with its own
// headers, and can't be published again as if it were complete.

func shortenTokens(subject string) string {
	tokens := strings.Split(subject, ".")
	for i := range tokens {
		tokens[i] = truncateInvalid(tokens[i], core.MaxTokenLength)
	}
	return strings.Join(tokens, ".")
}

func shortenMessage(m port.Message) port.Message {
	m.ID = truncateInvalid(m.ID, core.MaxCommandIDLength)
	all, size := m.Header, 0
	m.Header = make(map[string]string, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if size > port.MaxMessageHeader {
			break
		}
		short, value := truncateInvalid(key, port.MaxMessageHeader), truncateInvalid(all[key], port.MaxMessageHeader)
		m.Header[short] = value
		size += len(short) + len(value)
	}
	return m
}

// truncateInvalid truncates a text that is longer than limit to a length that is still invalid.
func truncateInvalid(text string, limit int) string {
	if len(text) > limit {
		return text[:limit+1]
	}
	return text
}

// escapeLines makes the value of a header from an error, which may be long and have several lines.
func escapeLines(text string) string {
	text = strconv.Quote(text)
	text = text[1 : len(text)-1]
	if len(text) > maxDeadError {
		text = strings.TrimRight(text[:maxDeadError], `\`) + "…"
	}
	return text
}

// unescapeLines reverses escapeLines.
func unescapeLines(header string) string {
	if text, err := strconv.Unquote(`"` + header + `"`); err == nil && utf8.ValidString(text) {
		return text
	}
	return header
}

func (b *Bus) decodeDeadLetter(raw *jetstream.RawStreamMsg) (port.DeadLetter, error) {
	parts := strings.SplitN(strings.TrimPrefix(raw.Subject, b.config.deadPrefix()), ".", 3)
	if len(parts) != 3 {
		return port.DeadLetter{}, fmt.Errorf("%w: subject %q of dead letter %d", core.ErrCorrupt, raw.Subject, raw.Sequence)
	}
	m, _ := b.decodeMessage(parts[2], raw.Sequence, raw.Header, raw.Data) // its subject may be the reason for the dead letter
	d := port.DeadLetter{
		Message: m, Number: raw.Sequence, Topic: port.Topic(parts[0]), Group: parts[1],
		Error: unescapeLines(raw.Header.Get(headerError)), Died: raw.Time.UTC(),
	}
	d.Attempts, _ = strconv.Atoi(raw.Header.Get(headerAttempts))
	d.Published, _ = time.Parse(time.RFC3339Nano, raw.Header.Get(headerPublished))
	return d, nil
}
