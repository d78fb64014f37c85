package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"orchestrix/shared/clip"
)

// maxDepth is how deep objects and arrays of a body may be nested.
const maxDepth = 64

// parse reads one JSON value into maps, slices, strings, booleans and [json.Number]. It is stricter than
// encoding/json: it refuses what readers understand differently (a field twice, invalid UTF-8, half a
// surrogate pair) and what Postgres can't store (U+0000, numbers beyond all bounds). Its error wraps
// [ErrMalformed].
func parse(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, fmt.Errorf("%w: not valid UTF-8", ErrMalformed)
	}
	written, err := scan(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	value, err := decode(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var read contents
	if err := read.add(value); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if read.fields != written.fields {
		return nil, fmt.Errorf("%w: a field stands twice in one object", ErrMalformed)
	}
	if read.replaced > 0 && read.replaced > replacements(body) {
		return nil, fmt.Errorf(`%w: a text contains half a surrogate pair (such as \ud800), which is no character`, ErrMalformed)
	}
	return value, nil
}

func decode(body []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the body is empty")
		}
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows after the JSON value")
	}
	return value, nil
}

// contents counts what a body holds. encoding/json keeps the last of two fields of one name, and puts U+FFFD
// in the place of half a surrogate pair, both without a word: the counts of what was written and of what was
// read tell.
type contents struct {
	fields   int // of all objects
	replaced int // characters U+FFFD in texts
}

// scan counts the fields of a text that need not be JSON, and refuses one that is nested too deep.
func scan(body []byte) (contents, error) {
	var c contents
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch b := body[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == ':':
			c.fields++
		case b == '{' || b == '[':
			if depth++; depth > maxDepth {
				return c, fmt.Errorf("nested deeper than %d levels", maxDepth)
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return c, nil
}

// replacements is how often a body says U+FFFD itself.
func replacements(body []byte) int {
	lower := bytes.ToLower(body)
	return bytes.Count(lower, []byte("\uFFFD")) + bytes.Count(lower, []byte(`\ufffd`))
}

// add counts what a parsed value holds, and refuses what can't be stored.
func (c *contents) add(value any) error {
	switch v := value.(type) {
	case string:
		return c.addText(v)
	case json.Number:
		if _, err := strconv.ParseFloat(string(v), 64); err != nil {
			return fmt.Errorf("the number %s is out of range", clip.Text(string(v), maxValue))
		}
	case []any:
		for _, item := range v {
			if err := c.add(item); err != nil {
				return err
			}
		}
	case map[string]any:
		c.fields += len(v)
		for name, field := range v {
			if err := c.addText(name); err != nil {
				return err
			}
			if err := c.add(field); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *contents) addText(text string) error {
	if strings.IndexByte(text, 0) >= 0 {
		return errors.New(`a text contains U+0000 (\u0000), which can't be stored`)
	}
	c.replaced += strings.Count(text, "\uFFFD")
	return nil
}
