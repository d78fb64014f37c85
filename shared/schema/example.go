package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// standardExamples are values of the formats of JSON Schema.
var standardExamples = map[string]string{
	"date": "2026-01-02", "date-time": "2026-01-02T03:04:05Z", "time": "03:04:05Z", "duration": "PT15M",
	"email": "ada@example.com", "idn-email": "ada@example.com", "hostname": "example.com", "idn-hostname": "example.com",
	"ip": "192.0.2.1", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1",
	"uri": "https://example.com", "iri": "https://example.com", "uri-reference": "/a", "iri-reference": "/a", "uri-template": "/{id}",
	"json-pointer": "/a", "relative-json-pointer": "0", "regex": "a",
	"uuid": "0191a0de-7b2c-7c3e-9f43-6f1d0c1f7a55",
}

// ExampleCommand returns a body that the command's schema accepts: the required fields, with the values of their struct tags
// example, else with values that fit their type, format, pattern and limits. It returns an error where it finds none.
func (s *Schemas) ExampleCommand(c *core.CommandType) (json.RawMessage, error) {
	var body bytes.Buffer
	e := examples{types: s.typesOf(c), out: &body}
	if err := e.write(s.commands[c], 0); err != nil {
		return nil, fmt.Errorf("example of command %s/%s: %w", c.Aggregate.Category, c.Name, err)
	}
	if err := s.CheckCommand(c, body.Bytes()); err != nil {
		return nil, fmt.Errorf("example of command %s/%s: %w", c.Aggregate.Category, c.Name, err)
	}
	return body.Bytes(), nil
}

// examples writes example values as JSON, with the fields of an object in the order of the struct.
type examples struct {
	types huma.Registry
	out   *bytes.Buffer
}

// maxExampleDepth ends the example of a type that contains itself.
const maxExampleDepth = 16

func (e examples) write(s *huma.Schema, depth int) error {
	if s.Ref != "" {
		s = e.types.SchemaFromRef(s.Ref)
	}
	if depth > maxExampleDepth {
		return fmt.Errorf("its fields are nested more than %d levels deep", maxExampleDepth)
	}
	switch {
	case len(s.Examples) > 0:
		return e.value(s.Examples[0])
	case len(s.Enum) > 0:
		return e.value(s.Enum[0])
	}
	switch s.Type {
	case huma.TypeObject:
		return e.object(s, depth)
	case huma.TypeArray:
		return e.array(s, depth)
	case huma.TypeString:
		return e.value(exampleText(s))
	case huma.TypeInteger, huma.TypeNumber:
		return e.value(exampleNumber(s))
	case huma.TypeBoolean:
		return e.value(true)
	}
	return e.value(map[string]any{}) // any value is accepted
}

func (e examples) value(v any) error {
	text, err := core.Marshal(v)
	e.out.Write(text)
	return err
}

func (e examples) object(s *huma.Schema, depth int) error {
	e.out.WriteByte('{')
	for i, name := range s.Required {
		if i > 0 {
			e.out.WriteByte(',')
		}
		if err := e.value(name); err != nil {
			return err
		}
		e.out.WriteByte(':')
		if err := e.write(s.Properties[name], depth+1); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if values, ok := s.AdditionalProperties.(*huma.Schema); ok && len(s.Required) == 0 {
		for i := range value(s.MinProperties) {
			if i > 0 {
				e.out.WriteByte(',')
			}
			fmt.Fprintf(e.out, `"key%d":`, i+1)
			if err := e.write(values, depth+1); err != nil {
				return err
			}
		}
	}
	e.out.WriteByte('}')
	return nil
}

// array writes one item at least: a domain often rejects a list without any.
func (e examples) array(s *huma.Schema, depth int) error {
	items := max(1, value(s.MinItems))
	if s.MaxItems != nil {
		items = min(items, *s.MaxItems)
	}
	e.out.WriteByte('[')
	for i := range items {
		if i > 0 {
			e.out.WriteByte(',')
		}
		if err := e.write(s.Items, depth+1); err != nil {
			return err
		}
	}
	e.out.WriteByte(']')
	return nil
}

func value(limit *int) int {
	if limit == nil {
		return 0
	}
	return *limit
}

// exampleNumber returns the number nearest to 1 within the limits.
func exampleNumber(s *huma.Schema) float64 {
	n, step := 1.0, 1.0
	if s.MultipleOf != nil {
		n, step = *s.MultipleOf, *s.MultipleOf
	}
	fits := func(limit *float64, ok func(n, limit float64) bool) bool { return limit == nil || ok(n, *limit) }
	switch {
	case !fits(s.Minimum, func(n, l float64) bool { return n >= l }):
		n = math.Ceil(*s.Minimum/step) * step
	case !fits(s.ExclusiveMinimum, func(n, l float64) bool { return n > l }):
		n = (math.Floor(*s.ExclusiveMinimum/step) + 1) * step
	case !fits(s.Maximum, func(n, l float64) bool { return n <= l }):
		n = math.Floor(*s.Maximum/step) * step
	case !fits(s.ExclusiveMaximum, func(n, l float64) bool { return n < l }):
		n = (math.Ceil(*s.ExclusiveMaximum/step) - 1) * step
	}
	return n
}

// exampleText returns a text that matches the format or the pattern and has the allowed length.
func exampleText(s *huma.Schema) string {
	least, most := value(s.MinLength), math.MaxInt
	if s.MaxLength != nil {
		most = *s.MaxLength
	}
	if s.ContentEncoding == "base64" {
		return "AA=="
	}
	if text, ok := standardExamples[s.Format]; ok {
		return text
	}
	if s.Pattern == "" {
		return resized("text", least, most)
	}
	for _, f := range formats {
		if f.pattern == s.Pattern {
			if text := resized(f.example, least, most); regexp.MustCompile(s.Pattern).MatchString(text) {
				return text
			}
		}
	}
	return matching(s.Pattern, least, most)
}

// resized repeats or cuts an ASCII text.
func resized(text string, least, most int) string {
	for len(text) < least {
		text += text
	}
	return text[:min(len(text), max(least, min(most, len(text))))]
}

// maxRepeats bounds the search for a text that is long enough.
const maxRepeats = 256

// matching returns a text that a pattern matches, with the allowed length; the shortest text where there is none.
func matching(pattern string, least, most int) string {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return ""
	}
	for repeats := range maxRepeats {
		var text strings.Builder
		appendMatch(&text, tree, repeats)
		if n := len([]rune(text.String())); n >= least && n <= most && regexp.MustCompile(pattern).MatchString(text.String()) {
			return text.String()
		}
	}
	return ""
}

// appendMatch appends a text that the expression matches. Parts that may be repeated are repeated so many times where their
// minimum is less.
func appendMatch(to *strings.Builder, e *syntax.Regexp, repeats int) {
	times := 1
	switch e.Op {
	case syntax.OpLiteral:
		to.WriteString(string(e.Rune))
		return
	case syntax.OpCharClass:
		to.WriteRune(readable(e.Rune))
		return
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		to.WriteByte('a')
		return
	case syntax.OpAlternate:
		appendMatch(to, e.Sub[0], repeats)
		return
	case syntax.OpStar:
		times = repeats
	case syntax.OpPlus:
		times = max(1, repeats)
	case syntax.OpQuest:
		times = min(1, repeats)
	case syntax.OpRepeat:
		if times = max(e.Min, repeats); e.Max >= 0 {
			times = min(times, e.Max)
		}
	}
	for range times {
		for _, part := range e.Sub {
			appendMatch(to, part, repeats)
		}
	}
}

// readable returns a letter or a digit of a class of characters, else its first character. ranges holds pairs of limits.
func readable(ranges []rune) rune {
	for _, wanted := range "aA1" {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= wanted && wanted <= ranges[i+1] {
				return wanted
			}
		}
	}
	return ranges[0]
}
