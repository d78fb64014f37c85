package query

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/orchestrix-go/orchestrix/shared/port"
)

// readiness knows the views that were never seen with a build to read. A view that has one keeps one.
type readiness struct {
	mu      sync.Mutex
	unbuilt []string
}

// Ready returns nil if every view has a build that can be read, else an error that names the others. It waits for no position.
func (q *Queries) Ready(ctx context.Context) error {
	r := &q.readiness
	r.mu.Lock()
	defer r.mu.Unlock()
	var left []string
	var failed error
	for _, view := range r.unbuilt {
		_, err := q.views.Checkpoints(ctx, view)
		if err == nil {
			continue
		}
		left = append(left, view)
		var notBuilt *port.NotBuiltError
		if !errors.As(err, &notBuilt) {
			failed = err
		}
	}
	r.unbuilt = left
	switch {
	case failed != nil:
		return failed
	case len(left) > 0:
		return fmt.Errorf("not built yet: %s: the projection service builds them", strings.Join(left, ", "))
	}
	return nil
}
