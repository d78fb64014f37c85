package memory_test

import (
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/port/porttest"
)

func TestKeyValue(t *testing.T) {
	t.Parallel()
	porttest.KeyValue(t, func(testing.TB) port.KeyValue { return memory.NewKeyValue() })
}
