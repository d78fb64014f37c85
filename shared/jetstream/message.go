package jetstream

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/cloudevents"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// The headers of a commit. Names are case-sensitive in NATS; the trace headers are lower case as W3C has them.
const (
	headerVersion     = "Orx-Version"      // of the stream after the commit
	headerPrevious    = "Orx-Previous"     // sequences of earlier commits of the stream, newest first
	headerHash        = "Orx-Command-Hash" // core.HashCommand
	headerCorrelation = "Orx-Correlation-Id"
	headerCausation   = "Orx-Causation-Id"
	headerSender      = "Orx-Sender" // the parts of core.Origin
	headerPrincipal   = "Orx-Principal"
	headerActor       = "Orx-Actor"
	headerVia         = "Orx-Via"
	headerKeyID       = "Orx-Key-Id"
	headerTraceParent = "traceparent"
	headerTraceState  = "tracestate"
	headerContentType = "Content-Type"
)

// messageID is the key of JetStream's deduplication. A client may use one command id for two aggregates of a partition,
// so the stream is a part of it.
func messageID(c *core.Commit) string { return c.Stream.Path() + "/" + c.Command.ID }

// encode makes the message of a commit.
func (l *Log) encode(p *pendingCommit) (*nats.Msg, error) {
	body, err := cloudevents.Encode(&p.Commit)
	if err != nil {
		return nil, err
	}
	header, err := p.encodeHeader()
	if err != nil {
		return nil, err
	}
	m := &nats.Msg{Subject: p.subject, Header: header, Data: body}
	return m, l.checkSize(p.Stream, m)
}

// encodeHeader makes the headers that have a value.
func (p *pendingCommit) encodeHeader() (nats.Header, error) {
	type header struct{ name, value string }
	all := slices.DeleteFunc([]header{
		{jetstream.MsgIDHeader, p.messageID},
		{jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(p.last, 10)},
		{headerVersion, p.Version.String()},
		{headerContentType, cloudevents.ContentType},
		{headerPrevious, joinSequences(p.Previous)},
		{headerHash, p.Command.Hash},
		{headerCorrelation, p.CorrelationID},
		{headerCausation, p.CausationID},
		{headerSender, p.Origin.Sender},
		{headerPrincipal, p.Origin.Principal},
		{headerActor, p.Origin.Actor},
		{headerVia, p.Origin.Via},
		{headerKeyID, p.Origin.KeyID},
		{headerTraceParent, p.Trace.Parent},
		{headerTraceState, p.Trace.State},
	}, func(h header) bool { return h.value == "" })
	headers, values := make(nats.Header, len(all)), make([]string, len(all)) // one allocation for all values
	for i, h := range all {
		if strings.ContainsAny(h.value, "\r\n") {
			return nil, fmt.Errorf("%w: header %s holds a line break", core.ErrBadToken, h.name)
		}
		values[i] = h.value
		headers[h.name] = values[i : i+1 : i+1]
	}
	return headers, nil
}

// maxHeader is how many bytes of headers JetStream stores.
const maxHeader = 1<<16 - 1

// checkSize refuses a message that the server would refuse, before it is sent: the server closes the connection of a
// client that sends too much.
func (l *Log) checkSize(s core.Stream, m *nats.Msg) error {
	size := m.Size() - len(m.Subject)
	if limit := l.MaxCommit(); size > limit {
		return fmt.Errorf("%w: %s: %d bytes with headers, the log takes %d; make the command do less, or raise max_payload of NATS",
			port.ErrTooLarge, s, size, limit)
	}
	if headers := size - len(m.Data); headers > maxHeader {
		return fmt.Errorf("%w: %s: %d bytes of headers, JetStream takes %d", port.ErrTooLarge, s, headers, maxHeader)
	}
	return nil
}

// MaxCommit is the maximum size of a commit in bytes, with headers and the envelope of its events.
func (l *Log) MaxCommit() int {
	limit := l.conn.MaxPayload()
	if l.maxMessage > 0 {
		limit = min(limit, l.maxMessage)
	}
	return int(limit)
}

// decode reads a message of a partition. Where it is not a commit, the error wraps [core.ErrCorrupt], or [core.ErrNoise], and
// the commit holds the position, and the stream if its name is readable.
func (l *Log) decode(partition int, m stored) (core.Commit, error) {
	if isNoise(m) {
		return core.Commit{Position: core.Position{Partition: partition, Sequence: m.sequence}}, noiseError(partition, m)
	}
	s, err := l.parseSubject(m.subject)
	if err != nil {
		position := core.Position{Partition: partition, Sequence: m.sequence}
		return core.Commit{Stream: s, Position: position}, fmt.Errorf("%s: %w", position, err)
	}
	return decodeCommit(location{stream: s, partition: partition}, m)
}

// decodeAt is decode for a message that should be of a known stream: the subject is compared and not parsed.
func (l *Log) decodeAt(at location, m stored) (core.Commit, error) {
	if m.subject != at.subject || isNoise(m) {
		return l.decode(at.partition, m)
	}
	return decodeCommit(at, m)
}

func decodeCommit(at location, m stored) (core.Commit, error) {
	c := core.Commit{Stream: at.stream, Position: core.Position{Partition: at.partition, Sequence: m.sequence}}
	err := cloudevents.Decode(m.body, &c)
	if err != nil {
		return c, fmt.Errorf("%s: %w", c.Position, err)
	}
	if got := m.header.Get(headerVersion); got != c.Version.String() {
		return c, fmt.Errorf("%s: %w: %s: the header says version %q, the body %d", c.Position, core.ErrCorrupt, c.Stream, got, c.Version)
	}
	if c.Previous, err = splitSequences(m.header.Get(headerPrevious)); err != nil {
		return c, fmt.Errorf("%s: %w: %s: %w", c.Position, core.ErrCorrupt, c.Stream, err)
	}
	c.Command.Hash = m.header.Get(headerHash)
	c.Origin = core.Origin{
		Sender: m.header.Get(headerSender), Principal: m.header.Get(headerPrincipal), Actor: m.header.Get(headerActor),
		Via: m.header.Get(headerVia), KeyID: m.header.Get(headerKeyID),
	}
	c.Trace = core.Trace{Parent: m.header.Get(headerTraceParent), State: m.header.Get(headerTraceState)}
	return c, nil
}

func joinSequences(sequences []uint64) string {
	var text []byte
	for i, s := range sequences {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendUint(text, s, 10)
	}
	return string(text)
}

func splitSequences(text string) ([]uint64, error) {
	if text == "" {
		return nil, nil
	}
	count := strings.Count(text, ",") + 1
	if count > core.MaxPrevious {
		return nil, fmt.Errorf("%s names more than %d commits", headerPrevious, core.MaxPrevious)
	}
	sequences := make([]uint64, count)
	for i, rest := 0, text; i < count; i++ {
		var part string
		part, rest, _ = strings.Cut(rest, ",")
		s, err := strconv.ParseUint(part, 10, 64)
		if err != nil || s == 0 || i > 0 && s >= sequences[i-1] {
			return nil, fmt.Errorf("%s is %q: sequences must decrease", headerPrevious, text)
		}
		sequences[i] = s
	}
	return sequences, nil
}
