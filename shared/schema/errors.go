package schema

import (
	"errors"
	"fmt"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// Errors of requests that can't be read. Errors of their values are [*Invalid].
var (
	// ErrMalformed: the body is not one JSON value that can be stored. It wraps [core.ErrBadPayload].
	ErrMalformed = fmt.Errorf("%w: malformed JSON", core.ErrBadPayload)
	// ErrUnknownField: the body has a field that the command lacks. It wraps [core.ErrBadPayload].
	ErrUnknownField = fmt.Errorf("%w: unknown field", core.ErrBadPayload)
	// ErrBadParam: a query parameter is unknown, or is given more than once.
	ErrBadParam = errors.New("bad query parameter")
)

// Invalid is the error of values that don't match their schema.
type Invalid struct {
	Fields []FieldError // at most 100, by location
}

// FieldError describes one invalid value.
type FieldError struct {
	Location string `json:"location" doc:"Location of the value." example:"body.lines[0].quantity"`
	Message  string `json:"message" doc:"What was expected." example:"expected number >= 1"`
	Value    any    `json:"value,omitempty" doc:"The value, where it is not an object or an array; a long one is cut."`
}

// Error returns the first three fields.
func (e *Invalid) Error() string {
	const shown = 3
	parts := make([]string, 0, shown+1)
	for i, f := range e.Fields {
		if i == shown {
			parts = append(parts, fmt.Sprintf("and %d more", len(e.Fields)-shown))
			break
		}
		parts = append(parts, f.Location+": "+f.Message)
	}
	return "validation failed: " + strings.Join(parts, "; ")
}

// Maximum lengths of texts of the request in an answer, in bytes.
const (
	maxValue = 100
	maxText  = 200
)
