package schema

import (
	"errors"
	"fmt"
	"regexp"

	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/orchestrix-go/orchestrix/shared/clip"
	"github.com/orchestrix-go/orchestrix/shared/core"
)

// CheckCommand checks a command's body, as [Schemas.DecodeCommand] does.
func (s *Schemas) CheckCommand(c *core.CommandType, body []byte) error {
	_, err := s.DecodeCommand(c, body)
	return err
}

// DecodeCommand checks a command's body and returns it decoded, as [core.CommandType.Decode] does.
//
// It returns an error that wraps [ErrMalformed] or [ErrUnknownField], both of which are [core.ErrBadPayload], or
// [*Invalid] where values don't match the schema. Field names are case-sensitive.
func (s *Schemas) DecodeCommand(c *core.CommandType, body []byte) (any, error) {
	if s.acceptors[c].accepts(body) {
		return decoded(c.DecodeKnown(body))
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
	return decoded(c.Decode(body))
}

// decoded returns a decoded payload, or its error as [*Invalid]. The Go types have rules that the schema lacks: int8 is
// narrower than an integer of JSON Schema, and a type may have its own decoding.
func decoded(payload any, err error) (any, error) {
	if err != nil {
		return nil, decodeError("body", err)
	}
	return payload, nil
}

// expected lists the known names for an error's text.
func expected(names string) string {
	if names == "" {
		return "expected no field"
	}
	return "expected " + names
}

// indexes matches the indexes of arrays in the decoder's field names: lines.0.quantity.
var indexes = regexp.MustCompile(`\.([0-9]+)\b`)

// decodeError returns the error of a Go type's decoding as [*Invalid].
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
