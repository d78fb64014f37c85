package cloudevents

import (
	"strconv"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Encode returns the body of a commit for the log: the JSON of [EventsOf]. The commit must have passed [core.Commit.Check].
//
// It is written by hand, because every append calls it.
func Encode(c *core.Commit) ([]byte, error) {
	size := 2
	for i := range c.Events {
		size += envelopeSize(c, &c.Events[i]) + len(c.Events[i].Data)
	}
	at, err := c.Time.MarshalJSON()
	if err != nil {
		return nil, err
	}
	stream, version := c.Stream, c.First()
	out := append(make([]byte, 0, size), '[')
	for i := range c.Events {
		e := &c.Events[i]
		if i > 0 {
			out = append(out, ',')
		}
		module, _, _ := strings.Cut(e.Type, ".")
		out = append(out, `{"specversion":"1.0","id":`...)
		out = appendString(out, stream.Category, "/", stream.ID, "/")
		out = strconv.AppendUint(out[:len(out)-1], uint64(version), 10)
		out = append(out, `","source":`...)
		out = appendString(out, "/", stream.Tenant, "/", module)
		out = append(out, `,"type":`...)
		out = appendString(out, e.Type)
		out = append(out, `,"subject":`...)
		out = appendString(out, stream.Category, "-", stream.ID)
		out = append(out, `,"time":`...)
		out = append(out, at...)
		out = append(out, `,"datacontenttype":"application/json","dataschema":`...)
		out = appendString(out, schemaPrefix, e.Type, ":")
		out = strconv.AppendInt(out[:len(out)-1], int64(e.Schema), 10)
		out = append(out, `","streamversion":`...)
		out = strconv.AppendUint(out, uint64(version), 10)
		out = append(out, `,"commandid":`...)
		out = appendString(out, c.Command.ID)
		out = append(out, `,"correlationid":`...)
		out = appendString(out, c.CorrelationID)
		out = append(out, `,"causationid":`...)
		out = appendString(out, c.CausationID)
		out = append(out, `,"data":`...)
		data, err := core.Compact(e.Data)
		if err != nil {
			return nil, err
		}
		if len(data) == 0 {
			data = []byte("null")
		}
		out = append(append(out, data...), '}')
		version++
	}
	return append(out, ']'), nil
}

// envelopeSize estimates the bytes of an event without its payload, so that one allocation suffices.
func envelopeSize(c *core.Commit, e *core.Recorded) int {
	const fixed = 320 // field names, punctuation, time and numbers
	stream := len(c.Stream.Category) + len(c.Stream.ID)
	return fixed + 2*stream + len(c.Stream.Tenant) + 3*len(e.Type) + len(c.Command.ID) + len(c.CorrelationID) + len(c.CausationID)
}

// appendString appends the parts as one JSON string.
func appendString(out []byte, parts ...string) []byte {
	start := len(out)
	out = append(out, '"')
	for _, part := range parts {
		for i := range len(part) {
			if !isPlain(part[i]) {
				whole, err := core.Marshal(strings.Join(parts, ""))
				if err != nil {
					return append(out[:start], `""`...) // a string can always be encoded
				}
				return append(out[:start], whole...)
			}
		}
		out = append(out, part...)
	}
	return append(out, '"')
}

// isPlain reports whether a byte needs no escape in a JSON string.
func isPlain(b byte) bool { return b >= ' ' && b < 0x7f && b != '"' && b != '\\' }
