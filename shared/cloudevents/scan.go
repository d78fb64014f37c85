package cloudevents

import (
	"bytes"
	"encoding/json"

	"github.com/orchestrix-go/orchestrix/shared/core"

	jsonv1 "github.com/go-json-experiment/json/v1"
)

// scanCommit decodes a body with exactly the form of [Encode] into c. It returns false, and does not change c, for any other
// body, about which [decodeJSON] decides. It skips id and source, which repeat other fields. It is written by hand, because
// every load and every projection calls it.
func scanCommit(body []byte, c *core.Commit) bool {
	s := scanner{rest: body}
	s.expect("[")
	first, event := s.readEvent(c.Stream)
	events := append(make([]core.Recorded, 0, 1), event)
	for !s.skipIf("]") {
		s.expect(",")
		next, event := s.readEvent(c.Stream)
		if s.failed || !next.follows(first, len(events)) {
			return false
		}
		events = append(events, event)
	}
	commit := *c
	if s.failed || len(s.rest) > 0 || commit.Time.UnmarshalText(first.time) != nil {
		return false
	}
	commit.Version = first.version + core.Version(len(events)-1)
	commit.Events = events
	commit.Command.ID = string(first.commandID)
	commit.CorrelationID = reuseText(commit.Command.ID, first.correlationID)
	commit.CausationID = reuseText(commit.Command.ID, first.causationID)
	*c = commit
	return true
}

// reuseText returns the text, without an allocation where it equals the known one.
func reuseText(known string, text []byte) string {
	if string(text) == known {
		return known
	}
	return string(text)
}

// envelope holds the fields of an event besides type and payload. Its texts share memory with the body.
type envelope struct {
	version                                     core.Version
	time, commandID, correlationID, causationID []byte
}

// follows reports whether the envelope is that of the event at this index of first's commit.
func (e *envelope) follows(first envelope, index int) bool {
	return e.version == first.version+core.Version(index) && bytes.Equal(e.time, first.time) && bytes.Equal(e.commandID, first.commandID) &&
		bytes.Equal(e.correlationID, first.correlationID) && bytes.Equal(e.causationID, first.causationID)
}

// The texts after the last event's data, and between two events.
var lastEnd, nextEvent = []byte("}]"), []byte(`},{"specversion":`)

// scanner reads a text from its start. After an unexpected byte it has failed, and its results are invalid.
type scanner struct {
	rest   []byte
	failed bool
}

// readEvent reads one event of the stream.
func (s *scanner) readEvent(stream core.Stream) (e envelope, r core.Recorded) {
	s.expect(`{"specversion":"1.0","id":`)
	s.readText()
	s.expect(`,"source":`)
	s.readText()
	s.expect(`,"type":`)
	r.Type = string(s.readText())
	s.expect(`,"subject":"`)
	s.expect(stream.Category)
	s.expect("-")
	s.expect(stream.ID)
	s.expect(`","time":`)
	e.time = s.readText()
	s.expect(`,"datacontenttype":"application/json","dataschema":"` + schemaPrefix)
	s.expect(r.Type)
	s.expect(":")
	r.Schema = s.readPositive()
	s.expect(`","streamversion":`)
	e.version = core.Version(s.readPositive())
	s.expect(`,"commandid":`)
	e.commandID = s.readText()
	s.expect(`,"correlationid":`)
	e.correlationID = s.readText()
	s.expect(`,"causationid":`)
	e.causationID = s.readText()
	s.expect(`,"data":`)
	r.Data = s.readData()
	s.expect("}")
	return e, r
}

// skipIf skips a literal text and reports whether it was next.
func (s *scanner) skipIf(text string) bool {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		return false
	}
	s.rest = s.rest[len(text):]
	return true
}

// expect skips a literal text, or fails.
func (s *scanner) expect(text string) {
	if !s.skipIf(text) {
		s.failed = true
	}
}

// readText reads a string without escapes.
func (s *scanner) readText() []byte {
	s.expect(`"`)
	for i, b := range s.rest {
		if !isPlain(b) {
			text := s.rest[:i]
			s.rest = s.rest[i:]
			s.expect(`"`)
			return text
		}
	}
	s.failed = true
	return nil
}

// readPositive reads an integer from 1 of at most 9 digits.
func (s *scanner) readPositive() (n int) {
	const digits = 9
	i := 0
	for ; i < len(s.rest) && i <= digits && s.rest[i] >= '0' && s.rest[i] <= '9'; i++ {
		n = 10*n + int(s.rest[i]-'0')
	}
	if i > digits || n == 0 || s.rest[0] == '0' {
		s.failed = true
	}
	s.rest = s.rest[i:]
	return n
}

// readData reads the JSON value of data, up to the end of its event. The end of the last event's data is known without a scan.
func (s *scanner) readData() json.RawMessage {
	value, last := bytes.CutSuffix(s.rest, lastEnd)
	if last && !bytes.Contains(value, nextEvent) && jsonv1.Valid(value) {
		s.rest = s.rest[len(value):]
		return value[:len(value):len(value)]
	}
	value = s.readRaw()
	s.failed = s.failed || !jsonv1.Valid(value)
	return value
}

// readRaw reads up to the end of the value by counting braces; the value may be invalid.
func (s *scanner) readRaw() []byte {
	depth, quoted := 0, false
	for i := 0; i < len(s.rest); i++ {
		switch b := s.rest[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			depth++
		case (b == '}' || b == ']') && depth > 0:
			depth--
		case b == '}' || b == ',':
			if depth > 0 {
				continue
			}
			value := s.rest[:i:i]
			s.rest = s.rest[i:]
			return value
		}
	}
	s.failed = true
	return nil
}
