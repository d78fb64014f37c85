package memory_test

import (
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/port/porttest"
)

func TestViews(t *testing.T) {
	t.Parallel()
	porttest.Views(t, func(testing.TB) port.ViewStore { return memory.NewViews() })
}

func TestSnapshots(t *testing.T) {
	t.Parallel()
	porttest.Snapshots(t, func(testing.TB) port.Snapshots { return memory.NewSnapshots() })
}
