package cloudevents

import (
	"bytes"
	"encoding/json"
	"orchestrix/shared/core"

	jsonv1 "github.com/go-json-experiment/json/v1"
)

// scanEvents reads a body in the very form that [Encode] gives it into c: every load and every projection goes
// through here. It reports false, and leaves c alone, where anything is otherwise, which the slow way then has to tell from
// what is wrong. It passes over id and source, which follow from the rest.
func scanEvents(body []byte, c *core.Commit) bool {
	s := scanner{rest: body}
	s.expect("[")
	first, event := s.event(c.Stream)
	events := append(make([]core.Recorded, 0, 1), event)
	for !s.skip("]") {
		s.expect(",")
		next, event := s.event(c.Stream)
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
	commit.CorrelationID = textLike(commit.Command.ID, first.correlationID)
	commit.CausationID = textLike(commit.Command.ID, first.causationID)
	*c = commit
	return true
}

// textLike is the text, which most often is one that there is already.
func textLike(known string, text []byte) string {
	if string(text) == known {
		return known
	}
	return string(text)
}

// envelope is what an event says besides type and payload. Its texts are parts of the body.
type envelope struct {
	version                                     core.Version
	time, commandID, correlationID, causationID []byte
}

// follows reports whether the event stands so many places after the first one of its commit, and has the same envelope.
func (e *envelope) follows(first envelope, places int) bool {
	return e.version == first.version+core.Version(places) && bytes.Equal(e.time, first.time) && bytes.Equal(e.commandID, first.commandID) &&
		bytes.Equal(e.correlationID, first.correlationID) && bytes.Equal(e.causationID, first.causationID)
}

// What stands after the last event's data, and what stands between two events.
var lastEnd, nextEvent = []byte("}]"), []byte(`},{"specversion":`)

// scanner goes through a text from its start. Once something was not as expected, it has failed, and what it returns means
// nothing.
type scanner struct {
	rest   []byte
	failed bool
}

// event takes one event of the stream.
func (s *scanner) event(stream core.Stream) (e envelope, r core.Recorded) {
	s.expect(`{"specversion":"1.0","id":`)
	s.text()
	s.expect(`,"source":`)
	s.text()
	s.expect(`,"type":`)
	r.Type = string(s.text())
	s.expect(`,"subject":"`)
	s.expect(stream.Category)
	s.expect("-")
	s.expect(stream.ID)
	s.expect(`","time":`)
	e.time = s.text()
	s.expect(`,"datacontenttype":"application/json","dataschema":"` + schemaPrefix)
	s.expect(r.Type)
	s.expect(":")
	r.Schema = s.positive()
	s.expect(`","streamversion":`)
	e.version = core.Version(s.positive())
	s.expect(`,"commandid":`)
	e.commandID = s.text()
	s.expect(`,"correlationid":`)
	e.correlationID = s.text()
	s.expect(`,"causationid":`)
	e.causationID = s.text()
	s.expect(`,"data":`)
	r.Data = s.value()
	s.expect("}")
	return e, r
}

// skip takes a literal text, if it is there.
func (s *scanner) skip(text string) bool {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		return false
	}
	s.rest = s.rest[len(text):]
	return true
}

// expect takes a literal text.
func (s *scanner) expect(text string) {
	if !s.skip(text) {
		s.failed = true
	}
}

// text takes a string of plain characters.
func (s *scanner) text() []byte {
	s.expect(`"`)
	for i, b := range s.rest {
		if !plain(b) {
			text := s.rest[:i]
			s.rest = s.rest[i:]
			s.expect(`"`)
			return text
		}
	}
	s.failed = true
	return nil
}

// positive takes a number from 1 that is not uncommonly large.
func (s *scanner) positive() (n int) {
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

// value takes a JSON value up to the end of the object that holds it. Where no event comes after this one, its end is known.
func (s *scanner) value() json.RawMessage {
	value, last := bytes.CutSuffix(s.rest, lastEnd)
	if last && !bytes.Contains(value, nextEvent) && jsonv1.Valid(value) {
		s.rest = s.rest[len(value):]
		return value[:len(value):len(value)]
	}
	value = s.raw()
	s.failed = s.failed || !jsonv1.Valid(value)
	return value
}

// raw takes what looks like a value.
func (s *scanner) raw() []byte {
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
