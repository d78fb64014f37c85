package memory_test

import (
	"testing"

	"orchestrix/shared/es"
	"orchestrix/shared/es/estest"
	"orchestrix/shared/memory"
)

func TestViews(t *testing.T) {
	t.Parallel()
	estest.Views(t, func(testing.TB) es.ViewStore { return memory.NewViews() })
}

func TestSnapshots(t *testing.T) {
	t.Parallel()
	estest.Snapshots(t, func(testing.TB) es.Snapshots { return memory.NewSnapshots() })
}
