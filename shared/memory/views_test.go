package memory_test

import (
	"testing"

	"orchestrix/shared/memory"
	"orchestrix/shared/port"
	"orchestrix/shared/port/porttest"
)

func TestViews(t *testing.T) {
	t.Parallel()
	porttest.Views(t, func(testing.TB) port.ViewStore { return memory.NewViews() })
}

func TestSnapshots(t *testing.T) {
	t.Parallel()
	porttest.Snapshots(t, func(testing.TB) port.Snapshots { return memory.NewSnapshots() })
}
