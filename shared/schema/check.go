package schema

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"orchestrix/shared/clip"
	"orchestrix/shared/core"
)

// maxFields is how many wrong values are reported; the search for more ends there.
const maxFields = 100

// checker compares a parsed value with its schema. huma checks single values. The walk over objects and arrays
// is made here: huma's own reports each of a million wrong items, takes null for every optional field, and
// knows no exact integers.
type checker struct {
	registry huma.Registry
	path     []step
	fields   []FieldError
	unknown  string // the location of a field that the schema doesn't have
	known    string // the names that it has there

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

// invalid is what was found, or nil.
func (c *checker) invalid() error {
	if len(c.fields) == 0 {
		return nil
	}
	slices.SortStableFunc(c.fields, func(a, b FieldError) int { return strings.Compare(a.Location, b.Location) })
	if len(c.fields) > maxFields {
		c.fields = append(c.fields[:maxFields-1], FieldError{Location: c.path[0].name, Message: "there is more that does not fit; not all of it is listed"})
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
			c.add(validation.MsgExpectedInteger+" of at most 64 bits, without fraction or exponent", v)
			return
		}
	}
	c.single(s, v)
}

// single leaves a value to huma.
func (c *checker) single(s *huma.Schema, v any) {
	c.result.Reset()
	huma.Validate(c.registry, s, c.noPath, huma.ModeWriteToServer, plain(v), &c.result)
	for _, err := range c.result.Errors {
		message := err.Error()
		if detail, ok := err.(huma.ErrorDetailer); ok {
			message = detail.ErrorDetail().Message
		}
		c.add(message, v)
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

// additional checks the value of a field that is not among the schema's properties.
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

func (c *checker) size(n int, least, most *int, of string) {
	if least != nil && n < *least {
		c.add("expected at least "+strconv.Itoa(*least)+" "+of+", got "+strconv.Itoa(n), nil)
	}
	if most != nil && n > *most {
		c.add("expected at most "+strconv.Itoa(*most)+" "+of+", got "+strconv.Itoa(n), nil)
	}
}

func (c *checker) unique(items []any) {
	seen := make(map[string]bool, len(items))
	for _, item := range items {
		text, err := core.Marshal(item)
		if err != nil || seen[string(text)] {
			c.add(validation.MsgExpectedArrayItemsUnique, nil)
			return
		}
		seen[string(text)] = true
	}
}

func (c *checker) missing(name, message string) {
	c.path = append(c.path, step{name: name})
	c.add(message, nil)
	c.path = c.path[:len(c.path)-1]
}

// add reports that the value at the current path does not fit.
func (c *checker) add(message string, value any) {
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

// location is the current path: "body.lines[0].quantity".
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

// isInteger reports whether Go's decoder takes the number for an integer of 64 bits.
func isInteger(number string) bool {
	if _, err := strconv.ParseInt(number, 10, 64); err == nil {
		return true
	}
	_, err := strconv.ParseUint(number, 10, 64)
	return err == nil
}

// plain turns the numbers of a parsed value into the float64 that huma knows.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			return math.Inf(1) // parse has refused it
		}
		return f
	case []any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = plain(v[i])
		}
		return items
	case map[string]any:
		object := make(map[string]any, len(v))
		for name := range v {
			object[name] = plain(v[name])
		}
		return object
	}
	return v
}
