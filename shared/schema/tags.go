package schema

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// tagRule describes a struct tag: the kinds of fields that it applies to, and its valid values.
type tagRule struct {
	kinds []string // of JSON, such as "string"; nil is any
	items bool     // on an array, the tag applies to the items
	value func(value string, field *huma.Schema) error
}

var (
	texts   = []string{huma.TypeString}
	numbers = []string{huma.TypeInteger, huma.TypeNumber}
	arrays  = []string{huma.TypeArray}
	objects = []string{huma.TypeObject}
	scalars = []string{huma.TypeString, huma.TypeInteger, huma.TypeNumber, huma.TypeBoolean}
)

// tagRules are the known struct tags.
var tagRules = map[string]tagRule{
	"json":               {value: anyValue},
	"doc":                {value: anyValue},
	"example":            {value: literal},
	"default":            {value: literal},
	"required":           {value: boolean},
	"nullable":           {value: boolean},
	"readOnly":           {value: boolean},
	"writeOnly":          {value: boolean},
	"deprecated":         {value: boolean},
	"hidden":             {value: boolean},
	"dependentRequired":  {value: anyValue},
	"enum":               {kinds: scalars, items: true, value: enum},
	"format":             {kinds: append(slices.Clone(texts), numbers...), items: true, value: knownFormat},
	"pattern":            {kinds: texts, items: true, value: expression},
	"patternDescription": {kinds: texts, items: true, value: anyValue},
	"encoding":           {kinds: texts, items: true, value: anyValue},
	"minLength":          {kinds: texts, items: true, value: count},
	"maxLength":          {kinds: texts, items: true, value: count},
	"minimum":            {kinds: numbers, items: true, value: number},
	"maximum":            {kinds: numbers, items: true, value: number},
	"exclusiveMinimum":   {kinds: numbers, items: true, value: number},
	"exclusiveMaximum":   {kinds: numbers, items: true, value: number},
	"multipleOf":         {kinds: numbers, items: true, value: positive},
	"minItems":           {kinds: arrays, value: count},
	"maxItems":           {kinds: arrays, value: count},
	"uniqueItems":        {kinds: arrays, value: boolean},
	"minProperties":      {kinds: objects, value: count},
	"maxProperties":      {kinds: objects, value: count},
}

// foreignTags are those of other encoders, which are ignored.
var foreignTags = []string{"bson", "db", "msgpack", "protobuf", "toml", "xml", "yaml"}

// tagChecker checks the struct tags of types, and of the types of their fields.
type tagChecker struct {
	seen map[reflect.Type]bool
	errs []error
}

// checkType adds an error for each tag that is unknown, has a bad value, or does not apply to its field.
func (c *tagChecker) checkType(t reflect.Type) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if c.seen[t] || t.Kind() != reflect.Struct || bareSchema(t).Type != huma.TypeObject {
		return
	}
	c.seen[t] = true
	for f := range t.Fields() {
		if f.IsExported() || f.Anonymous || f.Name == "_" {
			c.checkField(t, f)
		}
	}
}

func (c *tagChecker) checkField(t reflect.Type, f reflect.StructField) {
	tags, err := splitTag(f.Tag)
	if err != nil {
		c.errs = append(c.errs, fmt.Errorf("%v.%s: %w", t, f.Name, err))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		if err := checkTag(f, name, tags[name]); err != nil {
			c.errs = append(c.errs, fmt.Errorf("%v.%s: the struct tag %s:%q %w", t, f.Name, name, tags[name], err))
		}
	}
	if err := checkPairs(tags); err != nil {
		c.errs = append(c.errs, fmt.Errorf("%v.%s: %w", t, f.Name, err))
	}
	c.checkType(f.Type)
}

func checkTag(f reflect.StructField, name, value string) error {
	if f.Name == "_" && (name == "additionalProperties" || name == "nullable") {
		return boolean(value, nil)
	}
	rule, known := tagRules[name]
	switch {
	case slices.Contains(foreignTags, name):
		return nil
	case !known:
		return errors.New("is unknown" + suggestion(name, slices.Collect(maps.Keys(tagRules))))
	case name == "json":
		return nil
	case isEmbedded(f):
		return errors.New("has no meaning on an embedded struct: put it on the fields")
	}
	s := bareSchema(f.Type)
	if rule.items && s.Type == huma.TypeArray && s.Items != nil {
		s = bareSchema(itemType(f.Type))
	}
	if rule.kinds != nil && !slices.Contains(rule.kinds, s.Type) || slices.Equal(rule.kinds, objects) && s.Properties != nil {
		return fmt.Errorf("has no meaning on a field of type %v: it is for a JSON %s", f.Type, strings.Join(rule.kinds, " or "))
	}
	return rule.value(value, s)
}

// isEmbedded reports whether the fields of f are, in JSON, fields of the struct around it.
func isEmbedded(f reflect.StructField) bool {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return f.Anonymous && name == "" && bareSchema(f.Type).Type == huma.TypeObject
}

// itemType returns the type of an array's items.
func itemType(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Elem()
}

// bareSchema returns the schema of a type without the tags of a field. For a struct whose own tags are invalid, it returns an
// object.
func bareSchema(t reflect.Type) *huma.Schema {
	var s *huma.Schema
	if guard("", func() { s = huma.SchemaFromType(newTypes(), t) }) != nil {
		return &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}}
	}
	if s == nil {
		return &huma.Schema{} // a function or a channel, which has no JSON form
	}
	return s
}

// checkPairs checks pairs of tags of one field.
func checkPairs(tags map[string]string) error {
	for _, pair := range [][2]string{{"minLength", "maxLength"}, {"minimum", "maximum"}, {"minItems", "maxItems"}, {"minProperties", "maxProperties"}} {
		least, err := strconv.ParseFloat(tags[pair[0]], 64)
		most, errMost := strconv.ParseFloat(tags[pair[1]], 64)
		if err == nil && errMost == nil && least > most {
			return fmt.Errorf("the struct tag %s:%q is more than %s:%q", pair[0], tags[pair[0]], pair[1], tags[pair[1]])
		}
	}
	if _, ok := formats[tags["format"]]; ok && tags["pattern"] != "" {
		return fmt.Errorf("the struct tag format:%q is a pattern already: remove one of format and pattern", tags["format"])
	}
	if tags["patternDescription"] != "" && tags["pattern"] == "" {
		return errors.New("the struct tag patternDescription describes a pattern, and there is none")
	}
	return nil
}

// splitTag splits a struct tag into its key:"value" pairs, as [reflect.StructTag] defines them.
func splitTag(tag reflect.StructTag) (map[string]string, error) {
	pairs := map[string]string{}
	for rest := strings.TrimLeft(string(tag), " "); rest != ""; rest = strings.TrimLeft(rest, " ") {
		name, after, found := strings.Cut(rest, ":")
		quoted, err := strconv.QuotedPrefix(after)
		if !found || err != nil || strings.ContainsAny(name, " \"\t\n") || name == "" {
			return nil, fmt.Errorf("the struct tag is not a list of key:\"value\" from %.40q on", rest)
		}
		if _, twice := pairs[name]; twice {
			return nil, fmt.Errorf("it has the struct tag %s twice", name)
		}
		pairs[name], err = strconv.Unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("the struct tag %s: %w", name, err)
		}
		rest = after[len(quoted):]
	}
	return pairs, nil
}

// The checks of a tag's value.

func anyValue(string, *huma.Schema) error { return nil }

func boolean(value string, _ *huma.Schema) error {
	if value != "true" && value != "false" {
		return errors.New("must be true or false")
	}
	return nil
}

func count(value string, _ *huma.Schema) error {
	if n, err := strconv.Atoi(value); err != nil || n < 0 {
		return errors.New("must be a whole number of at least 0")
	}
	return nil
}

func number(value string, _ *huma.Schema) error {
	if n, err := strconv.ParseFloat(value, 64); err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
		return errors.New("must be a number")
	}
	return nil
}

func positive(value string, _ *huma.Schema) error {
	if n, err := strconv.ParseFloat(value, 64); err != nil || math.IsInf(n, 0) || !(n > 0) {
		return errors.New("must be a number above 0")
	}
	return nil
}

func expression(value string, _ *huma.Schema) error {
	if _, err := regexp.Compile(value); err != nil || value == "" {
		return fmt.Errorf("must be a regular expression: %w", err)
	}
	return nil
}

func knownFormat(value string, field *huma.Schema) error {
	known := numberFormats
	if field.Type == huma.TypeString {
		known = append(slices.Collect(maps.Keys(formats)), standardFormats...)
	}
	if !slices.Contains(known, value) {
		slices.Sort(known)
		return fmt.Errorf("is no format of a JSON %s%s; known are %s", field.Type, suggestion(value, known), strings.Join(known, ", "))
	}
	return nil
}

func enum(value string, field *huma.Schema) error {
	for one := range strings.SplitSeq(value, ",") {
		if one == "" {
			return errors.New("has an empty value")
		}
		if err := literal(one, field); err != nil {
			return err
		}
	}
	return nil
}

// literal checks that a text is a value of the field's type. Texts need no quotes, nor do arrays of texts.
func literal(value string, field *huma.Schema) error {
	if field.Type == huma.TypeString || field.Type == huma.TypeArray && field.Items.Type == huma.TypeString && !strings.HasPrefix(value, "[") {
		return nil
	}
	var v any
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		return fmt.Errorf("must be a JSON %s: %w", cmp.Or(field.Type, "value"), err)
	}
	fits := true
	switch field.Type {
	case huma.TypeInteger:
		n, ok := v.(float64)
		fits = ok && n == math.Trunc(n)
	case huma.TypeNumber:
		_, fits = v.(float64)
	case huma.TypeBoolean:
		_, fits = v.(bool)
	case huma.TypeArray:
		_, fits = v.([]any)
	case huma.TypeObject:
		_, fits = v.(map[string]any)
	}
	if !fits {
		return fmt.Errorf("must be a JSON %s", field.Type)
	}
	return nil
}

// suggestion returns a hint at the known name that is nearest to an unknown one, or nothing.
func suggestion(unknown string, known []string) string {
	const far = 4 // edits
	best, distance := "", far
	slices.Sort(known)
	for _, name := range known {
		if d := edits(strings.ToLower(unknown), strings.ToLower(name)); d < distance {
			best, distance = name, d
		}
	}
	if best == "" || distance > len(unknown)/2 {
		return ""
	}
	return "; did you mean " + best + "?"
}

// edits returns the Levenshtein distance of two texts.
func edits(from, to string) int {
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(from) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(to) {
			replaced := diagonal
			if from[i] != to[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(to)]
}
