package jetstream

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orchestrix/shared/es"
)

// The headers of messages beside those of [es.Message], which are in lower case.
const (
	headerMessageID = "Orx-Message-Id" // where Nats-Msg-Id is not it
	headerError     = "Orx-Error"      // of the last attempt
	headerAttempts  = "Orx-Attempts"   // how many there were
	headerPublished = "Orx-Published"  // when the dead letter was published, RFC 3339
)

// maxDeadError is how much of an error a dead letter keeps, in bytes.
const maxDeadError = 4 << 10

// encodeMessage makes a message that JetStream tells from others by unique.
func encodeMessage(subject, unique string, m es.Message) *nats.Msg {
	header := nats.Header{jetstream.MsgIDHeader: {unique}}
	if unique != m.ID {
		header[headerMessageID] = []string{m.ID}
	}
	for key, value := range m.Header {
		header[key] = []string{value}
	}
	return &nats.Msg{Subject: subject, Header: header, Data: m.Data}
}

// decodeMessage reads a message whose subject ends with a place. Its error says what is wrong with the place: no worker
// may handle the message then. Any client may have sent it, so that it may lack an id.
func (b *Bus) decodeMessage(place string, sequence uint64, header nats.Header, data []byte) (es.Message, error) {
	m := es.Message{ID: header.Get(headerMessageID), Data: data}
	if m.ID == "" {
		m.ID = header.Get(jetstream.MsgIDHeader)
	}
	if m.ID == "" {
		m.ID = "message-" + strconv.FormatUint(sequence, 10)
	}
	for key, values := range header {
		if key == strings.ToLower(key) && !strings.HasPrefix(key, "nats-") && len(values) > 0 {
			if m.Header == nil {
				m.Header = map[string]string{}
			}
			m.Header[key] = values[0]
		}
	}
	parts := strings.Split(place, ".")
	if len(parts) != 4 {
		return m, fmt.Errorf("%w: %q is not <partition>.<tenant>.<category>.<id>", es.ErrBadToken, place)
	}
	m.To = es.Stream{Tenant: parts[1], Category: parts[2], ID: parts[3]}
	if err := m.To.Check(); err != nil {
		return m, err
	}
	if belongs := b.log.partitionOf(m.To); strconv.Itoa(belongs) != parts[0] {
		return m, fmt.Errorf("%w: a message to %s was published to partition %s, it belongs into %d", es.ErrBadToken, m.To, parts[0], belongs)
	}
	return m, nil
}

// encodeDead makes the dead letter of a message. unique makes the same message die once.
func (b *Bus) encodeDead(topic es.Topic, group, place, unique string, d es.Delivery, cause error) *nats.Msg {
	m := encodeMessage(b.deadPrefix()+string(topic)+"."+group+"."+shortPlace(place), unique, shortened(d.Message))
	m.Header[headerError] = []string{oneLine(cause.Error())}
	m.Header[headerAttempts] = []string{strconv.Itoa(d.Attempt)}
	m.Header[headerPublished] = []string{d.Published.UTC().Format(time.RFC3339Nano)}
	return m
}

// Any client may have sent what dies, with names and headers as long as NATS takes them. In a dead letter they are cut to
// a little more than those of ours may have: it fits into a line and a header of NATS together with what it says besides,
// and can't be published again as if it were whole.

func shortPlace(place string) string {
	tokens := strings.Split(place, ".")
	for i := range tokens {
		tokens[i] = cutTo(tokens[i], es.MaxTokenLength)
	}
	return strings.Join(tokens, ".")
}

func shortened(m es.Message) es.Message {
	m.ID = cutTo(m.ID, es.MaxCommandIDLength)
	all, size := m.Header, 0
	m.Header = make(map[string]string, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if size > es.MaxMessageHeader {
			break
		}
		short, value := cutTo(key, es.MaxMessageHeader), cutTo(all[key], es.MaxMessageHeader)
		m.Header[short] = value
		size += len(short) + len(value)
	}
	return m
}

// cutTo cuts a text that is too long, so that it still is.
func cutTo(text string, most int) string {
	if len(text) > most {
		return text[:most+1]
	}
	return text
}

// oneLine makes a header's value of an error, which may have many lines and be long.
func oneLine(text string) string {
	text = strconv.Quote(text)
	text = text[1 : len(text)-1]
	if len(text) > maxDeadError {
		text = strings.TrimRight(text[:maxDeadError], `\`) + "…"
	}
	return text
}

// manyLines is what oneLine was made of.
func manyLines(header string) string {
	if text, err := strconv.Unquote(`"` + header + `"`); err == nil && utf8.ValidString(text) {
		return text
	}
	return header
}

func (b *Bus) decodeDead(raw *jetstream.RawStreamMsg) (es.DeadLetter, error) {
	parts := strings.SplitN(strings.TrimPrefix(raw.Subject, b.deadPrefix()), ".", 3)
	if len(parts) != 3 {
		return es.DeadLetter{}, fmt.Errorf("%w: subject %q of dead letter %d", es.ErrCorrupt, raw.Subject, raw.Sequence)
	}
	m, _ := b.decodeMessage(parts[2], raw.Sequence, raw.Header, raw.Data) // its place may be why it is here
	d := es.DeadLetter{
		Message: m, Number: raw.Sequence, Topic: es.Topic(parts[0]), Group: parts[1],
		Error: manyLines(raw.Header.Get(headerError)), Died: raw.Time.UTC(),
	}
	d.Attempts, _ = strconv.Atoi(raw.Header.Get(headerAttempts))
	d.Published, _ = time.Parse(time.RFC3339Nano, raw.Header.Get(headerPublished))
	return d, nil
}
