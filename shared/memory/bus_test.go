package memory_test

import (
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/port/porttest"
)

func TestBus(t *testing.T) {
	t.Parallel()
	porttest.MessageBus(t, func(testing.TB) port.MessageBus { return memory.NewBus() })
}
