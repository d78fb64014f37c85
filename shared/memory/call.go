package memory

import (
	"context"
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/port"
)

// checkCall returns err, or [port.ErrUnavailable] where ctx has ended.
func checkCall(ctx context.Context, err error) error {
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", port.ErrUnavailable, ctx.Err())
	}
	return err
}
