package schema

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// acceptor is a fast check of the bodies of one command: one pass without decoding. It accepts only bodies that are certainly
// valid. The slower [checker] decides about the others and reports what is wrong with them. Most bodies are valid.
type acceptor struct {
	kind  string
	texts textRule
	least *float64 // of a number
	most  *float64

	fields   map[string]field
	required uint64 // a bit for each field that must be there

	items              *acceptor
	minItems, maxItems *int
}

// field is a property of an object.
type field struct {
	bit   uint64
	value *acceptor // nil: left to the checker
}

// textRule holds the limits of a text.
type textRule struct {
	minLength, maxLength *int
	pattern              *regexp.Regexp
	date                 bool
}

// maxAcceptedFields is the number of bits for the fields of an object.
const maxAcceptedFields = 64

// newAcceptor returns nil for a schema with rules that only the checker implements. path holds the schemas around this one:
// a schema that contains itself is left to the checker.
func newAcceptor(types huma.Registry, s *huma.Schema, path []*huma.Schema) *acceptor {
	for s.Ref != "" {
		s = types.SchemaFromRef(s.Ref)
	}
	if slices.Contains(path, s) || s.OneOf != nil || s.AnyOf != nil || s.AllOf != nil || s.Not != nil || len(s.Enum) > 0 || s.ContentEncoding != "" {
		return nil
	}
	a, path := &acceptor{kind: s.Type}, append(path, s)
	switch s.Type {
	case huma.TypeObject:
		return a.object(types, s, path)
	case huma.TypeArray:
		if s.UniqueItems || s.Items == nil {
			return nil
		}
		a.minItems, a.maxItems = s.MinItems, s.MaxItems
		a.items = newAcceptor(types, s.Items, path)
		if a.items == nil {
			return nil
		}
	case huma.TypeInteger, huma.TypeNumber:
		if s.ExclusiveMinimum != nil || s.ExclusiveMaximum != nil || s.MultipleOf != nil {
			return nil
		}
		a.least, a.most = s.Minimum, s.Maximum
	case huma.TypeString:
		a.texts = textRule{minLength: s.MinLength, maxLength: s.MaxLength, date: s.Format == "date"}
		if s.Format != "" && !a.texts.date {
			return nil
		}
		if s.Pattern != "" {
			expression, err := regexp.Compile(s.Pattern)
			if err != nil {
				return nil
			}
			a.texts.pattern = expression
		}
	case huma.TypeBoolean:
	default:
		return nil
	}
	return a
}

func (a *acceptor) object(types huma.Registry, s *huma.Schema, path []*huma.Schema) *acceptor {
	if closed, ok := s.AdditionalProperties.(bool); !ok || closed || len(s.Properties) > maxAcceptedFields ||
		len(s.DependentRequired) > 0 || s.MinProperties != nil || s.MaxProperties != nil {
		return nil
	}
	a.fields = make(map[string]field, len(s.Properties))
	bit := uint64(1)
	for name, property := range s.Properties {
		a.fields[name] = field{bit: bit, value: newAcceptor(types, property, path)}
		bit <<= 1
	}
	for _, name := range s.Required {
		f, ok := a.fields[name]
		if !ok {
			return nil
		}
		a.required |= f.bit
	}
	return a
}

// accepts reports whether the body is certainly valid.
func (a *acceptor) accepts(body []byte) bool {
	if a == nil || !utf8.Valid(body) {
		return false
	}
	r := reader{rest: body}
	r.skipSpace()
	if !r.readValue(a) {
		return false
	}
	r.skipSpace()
	return len(r.rest) == 0
}

// reader reads JSON from its start. Its methods report whether the JSON was as expected.
type reader struct {
	rest []byte
}

func (r *reader) skipSpace() {
	for len(r.rest) > 0 && (r.rest[0] == ' ' || r.rest[0] == '\n' || r.rest[0] == '\t' || r.rest[0] == '\r') {
		r.rest = r.rest[1:]
	}
}

// readByte reads this byte, and the white space around it.
func (r *reader) readByte(b byte) bool {
	r.skipSpace()
	if len(r.rest) == 0 || r.rest[0] != b {
		return false
	}
	r.rest = r.rest[1:]
	r.skipSpace()
	return true
}

func (r *reader) readValue(a *acceptor) bool {
	switch a.kind {
	case huma.TypeObject:
		return r.readObject(a)
	case huma.TypeArray:
		return r.readArray(a)
	case huma.TypeString:
		text, ok := r.readText()
		return ok && a.texts.fits(text)
	case huma.TypeInteger, huma.TypeNumber:
		return r.readNumber(a)
	}
	return r.readWord("true") || r.readWord("false")
}

func (r *reader) readWord(w string) bool {
	if !bytes.HasPrefix(r.rest, []byte(w)) {
		return false
	}
	r.rest = r.rest[len(w):]
	return true
}

func (r *reader) readObject(a *acceptor) bool {
	if !r.readByte('{') {
		return false
	}
	seen := uint64(0)
	for first := true; !r.readByte('}'); first = false {
		if !first && !r.readByte(',') {
			return false
		}
		name, ok := r.readText()
		if !ok {
			return false
		}
		f, known := a.fields[string(name)]
		if !known || f.value == nil || seen&f.bit != 0 || !r.readByte(':') || !r.readValue(f.value) {
			return false
		}
		seen |= f.bit
	}
	return seen&a.required == a.required
}

func (r *reader) readArray(a *acceptor) bool {
	if !r.readByte('[') {
		return false
	}
	count := 0
	for ; !r.readByte(']'); count++ {
		if count > 0 && !r.readByte(',') || !r.readValue(a.items) {
			return false
		}
	}
	return (a.minItems == nil || count >= *a.minItems) && (a.maxItems == nil || count <= *a.maxItems)
}

// readText reads a string without escapes.
func (r *reader) readText() ([]byte, bool) {
	if len(r.rest) == 0 || r.rest[0] != '"' {
		return nil, false
	}
	for i := 1; i < len(r.rest); i++ {
		switch b := r.rest[i]; {
		case b == '"':
			text := r.rest[1:i]
			r.rest = r.rest[i+1:]
			return text, true
		case b == '\\' || b < ' ':
			return nil, false
		}
	}
	return nil, false
}

func (t *textRule) fits(text []byte) bool {
	if t.minLength != nil && utf8.RuneCount(text) < *t.minLength || t.maxLength != nil && utf8.RuneCount(text) > *t.maxLength {
		return false
	}
	if t.date {
		if _, err := time.Parse(time.DateOnly, string(text)); err != nil {
			return false
		}
	}
	return t.pattern == nil || t.pattern.Match(text)
}

const safeDigits = 15 // that a float64 holds exactly

// readNumber reads an integer of at most 15 digits.
func (r *reader) readNumber(a *acceptor) bool {
	digits := 0
	if len(r.rest) > 0 && r.rest[0] == '-' {
		digits = 1
	}
	start := digits
	for digits < len(r.rest) && r.rest[digits] >= '0' && r.rest[digits] <= '9' {
		digits++
	}
	if digits == start || digits-start > safeDigits || digits-start > 1 && r.rest[start] == '0' {
		return false
	}
	if digits < len(r.rest) && (r.rest[digits] == '.' || r.rest[digits] == 'e' || r.rest[digits] == 'E') {
		return false
	}
	n, err := strconv.ParseInt(string(r.rest[:digits]), 10, 64)
	r.rest = r.rest[digits:]
	return err == nil && (a.least == nil || float64(n) >= *a.least) && (a.most == nil || float64(n) <= *a.most)
}
