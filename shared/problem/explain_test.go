package problem_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/problem"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/schema"
)

func TestWhatIsFinal(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&core.Rejection{Code: "no"}, &schema.Invalid{}, &runtime.PreconditionError{}, runtime.ErrCommandReused, runtime.ErrUnknown,
		schema.ErrMalformed, schema.ErrUnknownField, core.ErrBadToken, port.ErrTooLarge,
	} {
		if r, final := problem.Explain(fmt.Errorf("x: %w", err)); !final || r.Code == "" || !json.Valid(r.Problem) {
			t.Errorf("%v is not final: %+v", err, r)
		}
	}
	for _, err := range []error{
		port.ErrUnavailable, port.ErrConflict, runtime.ErrOverloaded, runtime.ErrStatusesFull, context.DeadlineExceeded, context.Canceled,
		core.ErrCorrupt, core.ErrUnknownEvent, core.ErrBadPayload, errors.New("a panic"),
	} {
		if r, final := problem.Explain(fmt.Errorf("x: %w", err)); final {
			t.Errorf("%v is final: %+v", err, r)
		}
	}
}
