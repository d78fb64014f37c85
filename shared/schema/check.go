package schema

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/orchestrix-go/orchestrix/shared/clip"
	"github.com/orchestrix-go/orchestrix/shared/core"
)

// maxFields is the maximum number of reported values. The check ends there.
const maxFields = 100

// checker compares a parsed value with its schema. It walks objects and arrays itself and leaves single values to huma, whose
// own walk reports each of a million invalid items, accepts null for every optional field, and has no exact integers.
type checker struct {
	registry huma.Registry
	path     []step
	fields   []FieldError
	unknown  string // location of an unknown field
	known    string // the names that the schema has there

	noPath *huma.PathBuffer
	result huma.ValidateResult
}

// step is a part of a location: a name, or an index where the name is empty.
type step struct {
	name  string
	index int
}

func newChecker(registry huma.Registry, root string) *checker {
	return &checker{registry: registry, path: append(make([]step, 0, 8), step{name: root}), noPath: huma.NewPathBuffer(nil, 0)}
}

func (c *checker) done() bool { return c.unknown != "" || len(c.fields) > maxFields }

// invalid returns the reported values as [*Invalid], or nil.
func (c *checker) invalid() error {
	if len(c.fields) == 0 {
		return nil
	}
	slices.SortStableFunc(c.fields, func(a, b FieldError) int { return strings.Compare(a.Location, b.Location) })
	if len(c.fields) > maxFields {
		c.fields = append(c.fields[:maxFields-1], FieldError{Location: c.path[0].name, Message: "more values are invalid; not all are listed"})
	}
	return &Invalid{Fields: c.fields}
}

func (c *checker) check(s *huma.Schema, v any) {
	if c.done() {
		return
	}
	for s.Ref != "" {
		s = c.registry.SchemaFromRef(s.Ref)
	}
	composed := s.OneOf != nil || s.AnyOf != nil || s.AllOf != nil || s.Not != nil
	switch v := v.(type) {
	case map[string]any:
		if s.Type == huma.TypeObject && !composed {
			c.object(s, v)
			return
		}
	case []any:
		if s.Type == huma.TypeArray && !composed {
			c.array(s, v)
			return
		}
	case json.Number:
		if s.Type == huma.TypeInteger && !isInteger(string(v)) {
			c.report(validation.MsgExpectedInteger+" of at most 64 bits, without fraction or exponent", v)
			return
		}
	}
	c.single(s, v)
}

// single checks a value with huma.
func (c *checker) single(s *huma.Schema, v any) {
	c.result.Reset()
	huma.Validate(c.registry, s, c.noPath, huma.ModeWriteToServer, floats(v), &c.result)
	for _, err := range c.result.Errors {
		message := err.Error()
		if detail, ok := err.(huma.ErrorDetailer); ok {
			message = detail.ErrorDetail().Message
		}
		c.report(message, v)
	}
	c.noPath.Reset()
}

func (c *checker) object(s *huma.Schema, object map[string]any) {
	c.size(len(object), s.MinProperties, s.MaxProperties, "properties")
	for name, value := range object {
		c.path = append(c.path, step{name: name})
		if property, ok := s.Properties[name]; ok {
			c.check(property, value)
		} else {
			c.additional(s, value)
		}
		c.path = c.path[:len(c.path)-1]
		if c.done() {
			return
		}
	}
	for _, name := range s.Required {
		if _, ok := object[name]; !ok {
			c.missing(name, "expected required property "+name+" to be present")
		}
	}
	for name, others := range s.DependentRequired {
		for _, other := range others {
			if object[name] != nil && object[other] == nil {
				c.missing(other, "expected property "+other+" to be present when "+name+" is present")
			}
		}
	}
}

// additional checks the value of a field that is not one of the schema's properties.
func (c *checker) additional(s *huma.Schema, value any) {
	switch rule := s.AdditionalProperties.(type) {
	case *huma.Schema:
		if rule != nil {
			c.check(rule, value)
		}
	case bool:
		if rule {
			return
		}
		c.unknown = c.location()
		names := make([]string, 0, len(s.Properties))
		for name := range s.Properties {
			names = append(names, name)
		}
		slices.Sort(names)
		c.known = strings.Join(names, ", ")
	}
}

func (c *checker) array(s *huma.Schema, items []any) {
	c.size(len(items), s.MinItems, s.MaxItems, "items")
	if s.UniqueItems {
		c.unique(items)
	}
	if s.Items == nil {
		return
	}
	for i, item := range items {
		c.path = append(c.path, step{index: i})
		c.check(s.Items, item)
		c.path = c.path[:len(c.path)-1]
		if c.done() {
			return
		}
	}
}

// size checks the number of items or properties.
func (c *checker) size(n int, least, most *int, of string) {
	if least != nil && n < *least {
		c.report("expected at least "+strconv.Itoa(*least)+" "+of+", got "+strconv.Itoa(n), nil)
	}
	if most != nil && n > *most {
		c.report("expected at most "+strconv.Itoa(*most)+" "+of+", got "+strconv.Itoa(n), nil)
	}
}

// unique checks that no two items are equal.
func (c *checker) unique(items []any) {
	seen := make(map[string]bool, len(items))
	for _, item := range items {
		text, err := core.Marshal(item)
		if err != nil || seen[string(text)] {
			c.report(validation.MsgExpectedArrayItemsUnique, nil)
			return
		}
		seen[string(text)] = true
	}
}

// missing reports a required field.
func (c *checker) missing(name, message string) {
	c.path = append(c.path, step{name: name})
	c.report(message, nil)
	c.path = c.path[:len(c.path)-1]
}

// report adds an error for the value at the current path.
func (c *checker) report(message string, value any) {
	switch v := value.(type) {
	case string:
		value = clip.Text(v, maxValue)
	case json.Number:
		if len(v) > maxValue {
			value = clip.Text(string(v), maxValue)
		}
	case map[string]any, []any:
		value = nil
	}
	c.fields = append(c.fields, FieldError{Location: c.location(), Message: clip.Text(message, maxText), Value: value})
}

// location returns the current path: "body.lines[0].quantity".
func (c *checker) location() string {
	var text strings.Builder
	text.WriteString(c.path[0].name)
	for _, s := range c.path[1:] {
		if s.name == "" {
			text.WriteString("[" + strconv.Itoa(s.index) + "]")
			continue
		}
		text.WriteString("." + clip.Text(s.name, maxValue))
	}
	return clip.Text(text.String(), 2*maxText)
}

// isInteger reports whether the number is an integer of 64 bits, signed or unsigned.
func isInteger(number string) bool {
	if _, err := strconv.ParseInt(number, 10, 64); err == nil {
		return true
	}
	_, err := strconv.ParseUint(number, 10, 64)
	return err == nil
}

// floats returns a parsed value with its numbers as float64, as huma expects them.
func floats(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			return math.Inf(1) // parse rejects such numbers
		}
		return f
	case []any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = floats(v[i])
		}
		return items
	case map[string]any:
		object := make(map[string]any, len(v))
		for name := range v {
			object[name] = floats(v[name])
		}
		return object
	}
	return v
}
