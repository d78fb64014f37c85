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

// acceptor says yes to the bodies of one command that are plainly good, in one pass and without making anything of
// them. Where it does not say yes, nothing is known: the checker finds out what is wrong, if anything is. Most bodies are
// good, and it is those that have to be fast.
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
	value *acceptor // nil: only the checker understands it
}

// textRule is what a text has to look like.
type textRule struct {
	minLength, maxLength *int
	pattern              *regexp.Regexp
	table                *pattern // of the same, where there is one
	date                 bool
}

// maxAcceptedFields is how many fields of an object there are bits for.
const maxAcceptedFields = 64

// newAcceptor returns nil where the schema says something that only the checker understands. path holds the schemas that
// this one is a part of: one that is a part of itself is left to the checker.
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
			a.texts.pattern, a.texts.table = expression, newPattern(s.Pattern)
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

// accepts reports whether the body is good for certain.
func (a *acceptor) accepts(body []byte) bool {
	if a == nil || !utf8.Valid(body) {
		return false
	}
	r := reader{rest: body}
	r.space()
	if !r.value(a) {
		return false
	}
	r.space()
	return len(r.rest) == 0
}

// reader goes through JSON.
type reader struct {
	rest []byte
}

func (r *reader) space() {
	for len(r.rest) > 0 && (r.rest[0] == ' ' || r.rest[0] == '\n' || r.rest[0] == '\t' || r.rest[0] == '\r') {
		r.rest = r.rest[1:]
	}
}

// take takes a byte, and the white space around it.
func (r *reader) take(b byte) bool {
	r.space()
	if len(r.rest) == 0 || r.rest[0] != b {
		return false
	}
	r.rest = r.rest[1:]
	r.space()
	return true
}

func (r *reader) value(a *acceptor) bool {
	switch a.kind {
	case huma.TypeObject:
		return r.object(a)
	case huma.TypeArray:
		return r.array(a)
	case huma.TypeString:
		text, ok := r.text()
		return ok && a.texts.fits(text)
	case huma.TypeInteger, huma.TypeNumber:
		return r.number(a)
	}
	return r.word("true") || r.word("false")
}

func (r *reader) word(w string) bool {
	if !bytes.HasPrefix(r.rest, []byte(w)) {
		return false
	}
	r.rest = r.rest[len(w):]
	return true
}

func (r *reader) object(a *acceptor) bool {
	if !r.take('{') {
		return false
	}
	seen := uint64(0)
	for first := true; !r.take('}'); first = false {
		if !first && !r.take(',') {
			return false
		}
		name, ok := r.text()
		if !ok {
			return false
		}
		f, known := a.fields[string(name)]
		if !known || f.value == nil || seen&f.bit != 0 || !r.take(':') || !r.value(f.value) {
			return false
		}
		seen |= f.bit
	}
	return seen&a.required == a.required
}

func (r *reader) array(a *acceptor) bool {
	if !r.take('[') {
		return false
	}
	count := 0
	for ; !r.take(']'); count++ {
		if count > 0 && !r.take(',') || !r.value(a.items) {
			return false
		}
	}
	return (a.minItems == nil || count >= *a.minItems) && (a.maxItems == nil || count <= *a.maxItems)
}

// text takes a string without escapes.
func (r *reader) text() ([]byte, bool) {
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
	if t.pattern == nil {
		return true
	}
	if t.table != nil {
		if matches, known := t.table.match(text); known {
			return matches
		}
	}
	return t.pattern.Match(text)
}

const safeDigits = 15 // that a float64 holds exactly

// number takes a whole number that is not too long.
func (r *reader) number(a *acceptor) bool {
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
