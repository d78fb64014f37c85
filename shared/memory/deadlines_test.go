package memory_test

import (
	"testing"

	"orchestrix/shared/es"
	"orchestrix/shared/es/estest"
	"orchestrix/shared/memory"
)

func TestDeadlines(t *testing.T) {
	t.Parallel()
	estest.Deadlines(t, func(testing.TB) es.Deadlines { return memory.NewDeadlines() })
}
