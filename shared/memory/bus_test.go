package memory_test

import (
	"testing"

	"orchestrix/shared/memory"
	"orchestrix/shared/port"
	"orchestrix/shared/port/porttest"
)

func TestBus(t *testing.T) {
	t.Parallel()
	porttest.MessageBus(t, func(testing.TB) port.MessageBus { return memory.NewBus() })
}
