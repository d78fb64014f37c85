package schema

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orchestrix-go/orchestrix/shared/clip"
	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Param is one parameter of a query.
type Param struct {
	Name     string
	Required bool
	Schema   *huma.Schema
}

// params holds the schemas and defaults of a query's parameters.
type params struct {
	object   *huma.Schema   // of all parameters
	defaults map[string]any // parsed
	list     []Param        // by name
}

// QueryParams returns a query's parameters, sorted by name.
func (s *Schemas) QueryParams(q *core.QueryType) []Param { return s.params[q].list }

func (s *Schemas) addParams(q *core.QueryType) error {
	p := &params{defaults: map[string]any{}}
	err := guard("parameters of query "+q.Name, func() { p.object = s.paramTypes.Schema(q.Params, false, q.Name) })
	if err != nil {
		return err
	}
	applyFormats(s.paramTypes)
	for name, property := range p.object.Properties {
		if err := s.addParam(p, name, property); err != nil {
			return fmt.Errorf("query %s, parameter %s: %w", q.Name, name, err)
		}
	}
	describePatterns(p.object)
	slices.SortFunc(p.list, func(a, b Param) int { return strings.Compare(a.Name, b.Name) })
	s.params[q] = p
	return nil
}

func (s *Schemas) addParam(p *params, name string, property *huma.Schema) error {
	if !isScalar(property) && (property.Type != huma.TypeArray || property.Items == nil || !isScalar(property.Items)) {
		return fmt.Errorf("a query parameter is a string, a number, a boolean or an array of these")
	}
	if property.Default != nil {
		text, err := core.Marshal(property.Default)
		if err != nil {
			return err
		}
		value, err := parse(text)
		if err != nil {
			return fmt.Errorf("default: %w", err)
		}
		check := newChecker(s.paramTypes, "default")
		check.check(property, value)
		if err := check.invalid(); err != nil {
			return err
		}
		p.defaults[name] = value
		p.object.Required = slices.DeleteFunc(slices.Clone(p.object.Required), func(r string) bool { return r == name })
	}
	p.list = append(p.list, Param{Name: name, Required: slices.Contains(p.object.Required, name), Schema: property})
	return nil
}

func isScalar(s *huma.Schema) bool {
	switch s.Type {
	case huma.TypeString, huma.TypeBoolean, huma.TypeInteger, huma.TypeNumber:
		return true
	}
	return false
}

// Params returns the query parameters of a request as the JSON object that the query decodes, with defaults for missing
// parameters. An array is given by repeating its parameter.
//
// It returns an error that wraps [ErrBadParam] for a parameter that is unknown or given twice, and [*Invalid] for invalid
// values.
func (s *Schemas) Params(q *core.QueryType, values url.Values) (json.RawMessage, error) {
	p := s.params[q]
	object := make(map[string]any, len(p.list))
	for name, texts := range values {
		property, ok := p.object.Properties[name]
		switch {
		case !ok:
			return nil, fmt.Errorf("%w: query %s has no parameter %q; %s", ErrBadParam, q.Name, clip.Text(name, maxValue), expected(p.names()))
		case property.Type == huma.TypeArray:
			items := make([]any, len(texts))
			for i, text := range texts {
				items[i] = fromText(property.Items, text)
			}
			object[name] = items
		case len(texts) > 1:
			return nil, fmt.Errorf("%w: %s is given %d times", ErrBadParam, name, len(texts))
		default:
			object[name] = fromText(property, texts[0])
		}
		for _, text := range texts {
			if !core.IsText(text) {
				return nil, fmt.Errorf("%w: %s is not valid UTF-8 or contains U+0000", ErrBadParam, name)
			}
		}
	}
	for name, value := range p.defaults {
		if _, given := object[name]; !given {
			object[name] = value
		}
	}
	return p.encode(s, q, object)
}

func (p *params) encode(s *Schemas, q *core.QueryType, object map[string]any) (json.RawMessage, error) {
	check := newChecker(s.paramTypes, "query")
	check.check(p.object, object)
	if err := check.invalid(); err != nil {
		return nil, err
	}
	data, err := core.Marshal(object)
	if err != nil {
		return nil, err
	}
	if err := core.UnmarshalStrict(data, reflect.New(q.Params).Interface()); err != nil {
		return nil, decodeError("query", err)
	}
	return data, nil
}

func (p *params) names() string {
	names := make([]string, len(p.list))
	for i, param := range p.list {
		names[i] = param.Name
	}
	return strings.Join(names, ", ")
}

// fromText parses a value by its schema. It returns an unparsable text unchanged, and the check rejects it.
func fromText(s *huma.Schema, text string) any {
	switch s.Type {
	case huma.TypeBoolean:
		if text == "true" || text == "false" {
			return text == "true"
		}
	case huma.TypeInteger, huma.TypeNumber:
		value, err := parse([]byte(text))
		if number, ok := value.(json.Number); ok && err == nil {
			return number
		}
	}
	return text
}
