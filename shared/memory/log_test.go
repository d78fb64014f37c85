package memory_test

import (
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/port/porttest"
)

func TestLogIsAnEventStore(t *testing.T) {
	t.Parallel()
	porttest.EventStore(t, func(testing.TB) port.EventStore { return memory.NewLog(4) })
}

func TestLogIsAFeed(t *testing.T) {
	t.Parallel()
	porttest.Feed(t, func(testing.TB) port.Log { return memory.NewLog(4) })
}

func TestLogIsRestorable(t *testing.T) {
	t.Parallel()
	porttest.Restore(t, func(testing.TB) (log, other port.Restorable) { l := memory.NewLog(4); return l, l })
}
