package memory_test

import (
	"testing"

	"orchestrix/shared/memory"
	"orchestrix/shared/port"
	"orchestrix/shared/port/porttest"
)

func TestKeyValue(t *testing.T) {
	t.Parallel()
	porttest.KeyValue(t, func(testing.TB) port.KeyValue { return memory.NewKeyValue() })
}
