package schema

import (
	"errors"
	"fmt"
	"regexp"

	jsonv1 "github.com/go-json-experiment/json/v1"

	"orchestrix/shared/clip"
	"orchestrix/shared/core"
)

// CheckCommand checks a command's body, as [Schemas.DecodeCommand] does.
func (s *Schemas) CheckCommand(c *core.CommandType, body []byte) error {
	_, err := s.DecodeCommand(c, body)
	return err
}

// DecodeCommand checks a command's body and returns it decoded, as [core.CommandType.Decode] does.
//
// It returns an error that wraps [ErrMalformed] or [ErrUnknownField], both of which are [core.ErrBadPayload], or
// [*Invalid] where values don't fit. Field names are compared case by case, as JSON does.
func (s *Schemas) DecodeCommand(c *core.CommandType, body []byte) (any, error) {
	if s.acceptors[c].accepts(body) {
		return lastWord(c.DecodeKnown(body))
	}
	value, err := parse(body)
	if err != nil {
		return nil, err
	}
	check := newChecker(s.typesOf(c), "body")
	check.check(s.commands[c], value)
	if check.unknown != "" {
		return nil, fmt.Errorf("%w: %s; %s", ErrUnknownField, check.unknown, expected(check.known))
	}
	if err := check.invalid(); err != nil {
		return nil, err
	}
	return lastWord(c.Decode(body))
}

// lastWord is that of the types themselves: int8 is narrower than JSON Schema can say, and a type that reads itself from
// text has rules of its own.
func lastWord(payload any, err error) (any, error) {
	if err != nil {
		return nil, decodeError("body", err)
	}
	return payload, nil
}

func expected(names string) string {
	if names == "" {
		return "expected no field"
	}
	return "expected " + names
}

// indexes are the elements of arrays in what the decoder calls a field: lines.0.quantity.
var indexes = regexp.MustCompile(`\.([0-9]+)\b`)

// decodeError says what a type did not take.
func decodeError(root string, err error) error {
	field := FieldError{Location: root, Message: clip.Text(err.Error(), maxText)}
	var wrong *jsonv1.UnmarshalTypeError
	if errors.As(err, &wrong) {
		if wrong.Field != "" {
			field.Location += clip.Text(indexes.ReplaceAllString("."+wrong.Field, "[$1]"), maxText)
		}
		field.Message = fmt.Sprintf("%s does not fit %v", clip.Text(wrong.Value, maxValue), wrong.Type.Kind())
	}
	return &Invalid{Fields: []FieldError{field}}
}
