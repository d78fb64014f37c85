package memory_test

import (
	"testing"

	"orchestrix/shared/es"
	"orchestrix/shared/es/estest"
	"orchestrix/shared/memory"
)

func TestBus(t *testing.T) {
	t.Parallel()
	estest.MessageBus(t, func(testing.TB) es.MessageBus { return memory.NewBus() })
}
