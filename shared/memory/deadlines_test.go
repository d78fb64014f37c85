package memory_test

import (
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/port/porttest"
)

func TestDeadlines(t *testing.T) {
	t.Parallel()
	porttest.Deadlines(t, func(testing.TB) port.Deadlines { return memory.NewDeadlines() })
}
