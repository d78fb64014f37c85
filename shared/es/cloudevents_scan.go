package es

import (
	"bytes"
	"encoding/json"
	"strconv"

	jsonv1 "github.com/go-json-experiment/json/v1"
)

// scanEvents reads a body in the very form that [EncodeEvents] gives it: every load and every projection goes through
// here. It reports false where anything is otherwise, which [encoding/json] then has to tell from what is wrong. It
// leaves out id and source, which follow from the rest.
func scanEvents(body []byte, subject string) ([]CloudEvent, bool) {
	s := scanner{rest: body, subject: subject}
	if !s.skip("[") {
		return nil, false
	}
	events := make([]CloudEvent, 0, 1)
	for {
		var before *CloudEvent
		if n := len(events); n > 0 {
			before = &events[n-1]
		}
		e, ok := s.event(before)
		if !ok {
			return nil, false
		}
		events = append(events, e)
		if s.skip("]") {
			return events, len(s.rest) == 0
		}
		if !s.skip(",") {
			return nil, false
		}
	}
}

// What stands after the last event's data, and what stands between two events.
var lastEnd, nextEvent = []byte("}]"), []byte(`},{"specversion":`)

// scanner goes through a text from its start.
type scanner struct {
	rest    []byte
	subject string // that is expected
}

// skip takes a literal text.
func (s *scanner) skip(text string) bool {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		return false
	}
	s.rest = s.rest[len(text):]
	return true
}

// text takes a string of plain characters, after a literal text.
func (s *scanner) text(before string) ([]byte, bool) {
	if !s.skip(before) || !s.skip(`"`) {
		return nil, false
	}
	end := bytes.IndexByte(s.rest, '"')
	if end < 0 {
		return nil, false
	}
	for _, b := range s.rest[:end] {
		if !plain(b) {
			return nil, false
		}
	}
	text := s.rest[:end]
	s.rest = s.rest[end+1:]
	return text, true
}

// event takes an object. Texts that the event before it has too are not made anew.
func (s *scanner) event(before *CloudEvent) (CloudEvent, bool) {
	if before == nil {
		before = &CloudEvent{}
	}
	e := CloudEvent{SpecVersion: "1.0", DataContentType: "application/json"}
	var good bool
	text := func(name string, like string) string {
		got, ok := s.text(name)
		good = good && ok
		if string(got) == like {
			return like
		}
		return string(got)
	}
	_, hasID := s.text(`{"specversion":"1.0","id":`)
	_, hasSource := s.text(`,"source":`)
	good = hasID && hasSource
	e.Type = text(`,"type":`, before.Type)
	e.Subject = text(`,"subject":`, s.subject)
	at, ok := s.text(`,"time":`)
	good = good && ok
	e.DataSchema = text(`,"datacontenttype":"application/json","dataschema":`, before.DataSchema)
	if !good || !s.skip(`,"streamversion":`) {
		return e, false
	}
	digits := 0
	for digits < len(s.rest) && s.rest[digits] >= '0' && s.rest[digits] <= '9' {
		digits++
	}
	version, err := strconv.ParseUint(string(s.rest[:digits]), 10, 64)
	if err != nil || digits > 1 && s.rest[0] == '0' {
		return e, false
	}
	e.StreamVersion, s.rest = Version(version), s.rest[digits:]
	e.CommandID = text(`,"commandid":`, before.CommandID)
	e.CorrelationID = text(`,"correlationid":`, e.CommandID)
	e.CausationID = text(`,"causationid":`, e.CommandID)
	if !good || !s.skip(`,"data":`) {
		return e, false
	}
	if err := e.Time.UnmarshalText(at); err != nil {
		return e, false
	}
	e.Data, ok = s.value()
	return e, ok && s.skip("}")
}

// value takes a JSON value up to the end of the object that holds it. Where no event comes after this one, its end is known.
func (s *scanner) value() (json.RawMessage, bool) {
	if value, ok := bytes.CutSuffix(s.rest, lastEnd); ok && !bytes.Contains(s.rest, nextEvent) && jsonv1.Valid(value) {
		s.rest = s.rest[len(value):]
		return json.RawMessage(value[:len(value):len(value)]), true
	}
	value, ok := s.raw()
	return json.RawMessage(value), ok && jsonv1.Valid(value)
}

// raw takes what looks like a value.
func (s *scanner) raw() ([]byte, bool) {
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
			return value, true
		}
	}
	return nil, false
}
