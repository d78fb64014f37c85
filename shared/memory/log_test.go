package memory_test

import (
	"testing"

	"orchestrix/shared/es"
	"orchestrix/shared/es/estest"
	"orchestrix/shared/memory"
)

func TestLogIsAnEventStore(t *testing.T) {
	t.Parallel()
	estest.EventStore(t, func(testing.TB) es.EventStore { return memory.NewLog(4) })
}

func TestLogIsAFeed(t *testing.T) {
	t.Parallel()
	estest.Feed(t, func(testing.TB) es.Log { return memory.NewLog(4) })
}
