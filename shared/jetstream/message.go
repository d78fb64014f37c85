package jetstream

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orchestrix/shared/es"
)

// The headers of a commit. Names are case-sensitive in NATS; the trace headers are lower case as W3C has them.
const (
	headerVersion     = "Orx-Version"      // of the stream after the commit
	headerPrevious    = "Orx-Previous"     // sequences of earlier commits of the stream, newest first
	headerHash        = "Orx-Command-Hash" // es.HashCommand
	headerCorrelation = "Orx-Correlation-Id"
	headerCausation   = "Orx-Causation-Id"
	headerTraceParent = "traceparent"
	headerTraceState  = "tracestate"
	headerContentType = "Content-Type"
)

// messageID is what JetStream de-duplicates by. A client may use one command id on two aggregates of a
// partition, so the stream is a part of it.
func messageID(c *es.Commit) string { return c.Stream.Path() + "/" + c.Command.ID }

// encode makes the message of a commit that follows expected.
func (l *Log) encode(expected es.Revision, c *es.Commit) (*nats.Msg, error) {
	body, err := es.EncodeEvents(c)
	if err != nil {
		return nil, err
	}
	header, err := headersOf(expected, c)
	if err != nil {
		return nil, err
	}
	m := &nats.Msg{Subject: l.subjectOf(c.Stream), Header: header, Data: body}
	return m, l.checkSize(c.Stream, m)
}

// headersOf are the headers of a commit that follows expected: those that say something.
func headersOf(expected es.Revision, c *es.Commit) (nats.Header, error) {
	type header struct{ name, value string }
	all := slices.DeleteFunc([]header{
		{jetstream.MsgIDHeader, messageID(c)},
		{jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(expected.Position.Sequence, 10)},
		{headerVersion, c.Version.String()},
		{headerContentType, es.ContentType},
		{headerPrevious, joinSequences(c.Previous)},
		{headerHash, c.Command.Hash},
		{headerCorrelation, c.CorrelationID},
		{headerCausation, c.CausationID},
		{headerTraceParent, c.Trace.Parent},
		{headerTraceState, c.Trace.State},
	}, func(h header) bool { return h.value == "" })
	headers, values := make(nats.Header, len(all)), make([]string, len(all)) // room for all of them at once
	for i, h := range all {
		if strings.ContainsAny(h.value, "\r\n") {
			return nil, fmt.Errorf("%w: header %s holds a line break", es.ErrBadToken, h.name)
		}
		values[i] = h.value
		headers[h.name] = values[i : i+1 : i+1]
	}
	return headers, nil
}

// maxHeader is how many bytes of headers JetStream keeps.
const maxHeader = 1<<16 - 1

// checkSize refuses what the server would not take, before it is sent: the server closes the connection of a
// client that sends too much.
func (l *Log) checkSize(s es.Stream, m *nats.Msg) error {
	size := m.Size() - len(m.Subject)
	if limit := l.MaxCommit(); size > limit {
		return fmt.Errorf("%w: %s: %d bytes with headers, the log takes %d; make the command do less, or raise max_payload of NATS",
			es.ErrTooLarge, s, size, limit)
	}
	if headers := size - len(m.Data); headers > maxHeader {
		return fmt.Errorf("%w: %s: %d bytes of headers, JetStream takes %d", es.ErrTooLarge, s, headers, maxHeader)
	}
	return nil
}

// MaxCommit is how many bytes a commit may have, headers and the envelope of its events included.
func (l *Log) MaxCommit() int {
	limit := l.conn.MaxPayload()
	if l.maxMessage > 0 {
		limit = min(limit, l.maxMessage)
	}
	return int(limit)
}

// stored is a message as the log holds it.
type stored struct {
	subject  string
	sequence uint64
	header   nats.Header
	body     []byte
}

// decode reads a stored message. Where it is no commit, the error wraps [es.ErrCorrupt], and the commit holds
// the position, and the stream where that can be told.
func (l *Log) decode(partition int, m stored) (es.Commit, error) {
	c := es.Commit{Position: es.Position{Partition: partition, Sequence: m.sequence}}
	s, err := l.streamOf(m.subject)
	c.Stream = s
	if err != nil {
		return c, fmt.Errorf("%s: %w", c.Position, err)
	}
	if err := es.DecodeEvents(m.body, &c); err != nil {
		return c, fmt.Errorf("%s: %w", c.Position, err)
	}
	if got := m.header.Get(headerVersion); got != "" && got != c.Version.String() {
		return c, fmt.Errorf("%s: %w: %s: the header says version %q, the body %d", c.Position, es.ErrCorrupt, s, got, c.Version)
	}
	if c.Previous, err = splitSequences(m.header.Get(headerPrevious)); err != nil {
		return c, fmt.Errorf("%s: %w: %s: %w", c.Position, es.ErrCorrupt, s, err)
	}
	c.Command.Hash = m.header.Get(headerHash)
	c.Trace = es.Trace{Parent: m.header.Get(headerTraceParent), State: m.header.Get(headerTraceState)}
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
	if count > es.MaxPrevious {
		return nil, fmt.Errorf("%s names more than %d commits", headerPrevious, es.MaxPrevious)
	}
	sequences := make([]uint64, count)
	for i, rest := 0, text; i < count; i++ {
		var part string
		part, rest, _ = strings.Cut(rest, ",")
		s, err := strconv.ParseUint(part, 10, 64)
		if err != nil || s == 0 || i > 0 && s >= sequences[i-1] {
			return nil, fmt.Errorf("%s is %q: sequences must fall", headerPrevious, text)
		}
		sequences[i] = s
	}
	return sequences, nil
}
