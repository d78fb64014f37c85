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

	"github.com/orchestrix-go/orchestrix/shared/clip"
)

// maxDepth is the maximum nesting of objects and arrays.
const maxDepth = 64

// parse decodes one JSON value into maps, slices, strings, booleans and [json.Number]. It is stricter than encoding/json: it
// rejects input that decoders interpret differently (repeated fields, invalid UTF-8, half a surrogate pair), and input that
// Postgres can't store (U+0000, numbers out of range). Its error wraps [ErrMalformed].
func parse(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, fmt.Errorf("%w: not valid UTF-8", ErrMalformed)
	}
	written, err := scanText(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	value, err := decode(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var read contents
	if err := read.addValue(value); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if read.fields != written.fields {
		return nil, fmt.Errorf("%w: a field occurs twice in one object", ErrMalformed)
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

// contents counts fields and replacement characters of a body. encoding/json silently keeps the last of two fields of one name
// and replaces half a surrogate pair by U+FFFD. Both are detected by comparing the counts of the text and of the decoded
// value.
type contents struct {
	fields   int // of all objects
	replaced int // characters U+FFFD in texts
}

// scanText counts the fields of a text, which may be invalid JSON, and rejects one that is nested too deep.
func scanText(body []byte) (contents, error) {
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

// replacements returns the number of U+FFFD in the text of a body.
func replacements(body []byte) int {
	lower := bytes.ToLower(body)
	return bytes.Count(lower, []byte("\uFFFD")) + bytes.Count(lower, []byte(`\ufffd`))
}

// addValue counts the contents of a decoded value, and rejects values that can't be stored.
func (c *contents) addValue(value any) error {
	switch v := value.(type) {
	case string:
		return c.addText(v)
	case json.Number:
		if _, err := strconv.ParseFloat(string(v), 64); err != nil {
			return fmt.Errorf("the number %s is out of range", clip.Text(string(v), maxValue))
		}
	case []any:
		for _, item := range v {
			if err := c.addValue(item); err != nil {
				return err
			}
		}
	case map[string]any:
		c.fields += len(v)
		for name, field := range v {
			if err := c.addText(name); err != nil {
				return err
			}
			if err := c.addValue(field); err != nil {
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
