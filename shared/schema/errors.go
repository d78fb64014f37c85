package schema

import (
	"errors"
	"fmt"
	"strings"

	"orchestrix/shared/core"
)

// What makes a request unreadable, before its values are looked at.
var (
	// ErrMalformed says that a body is not one JSON value that can be stored. It wraps [core.ErrBadPayload].
	ErrMalformed = fmt.Errorf("%w: malformed JSON", core.ErrBadPayload)
	// ErrUnknownField says that a body has a field that its command doesn't have. It wraps [core.ErrBadPayload].
	ErrUnknownField = fmt.Errorf("%w: unknown field", core.ErrBadPayload)
	// ErrBadParam says that a query parameter is not one of the query's, or is given more than once.
	ErrBadParam = errors.New("bad query parameter")
)

// Invalid says which values don't fit their schema.
type Invalid struct {
	Fields []FieldError // at most 100, by location
}

// FieldError is what is wrong with one value.
type FieldError struct {
	Location string `json:"location" doc:"Where the value stands." example:"body.lines[0].quantity"`
	Message  string `json:"message" doc:"What was expected." example:"expected number >= 1"`
	Value    any    `json:"value,omitempty" doc:"The value, where it is not an object or an array; a long one is cut."`
}

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

// Lengths of what answers repeat of a request, in bytes.
const (
	maxValue = 100
	maxText  = 200
)
