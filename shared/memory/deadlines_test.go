package memory_test

import (
	"testing"

	"orchestrix/shared/memory"
	"orchestrix/shared/port"
	"orchestrix/shared/port/porttest"
)

func TestDeadlines(t *testing.T) {
	t.Parallel()
	porttest.Deadlines(t, func(testing.TB) port.Deadlines { return memory.NewDeadlines() })
}
