package memory_test

import (
	"testing"

	"orchestrix/shared/es"
	"orchestrix/shared/es/estest"
	"orchestrix/shared/memory"
)

func TestKeyValue(t *testing.T) {
	t.Parallel()
	estest.KeyValue(t, func(testing.TB) es.KeyValue { return memory.NewKeyValue() })
}
