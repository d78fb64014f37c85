package projection

import (
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// A participant that got a batch and does not submit its update, as its fold hangs, delays the others only until the timeout.
func TestParticipantsDoNotWaitForOneThatHangs(t *testing.T) {
	t.Parallel()
	views := memory.NewViews()
	spec := core.ViewSpec{Name: "v", Version: 1}
	if err := views.Prepare(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	c, err := views.Claim(t.Context(), spec, 0, "me", 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	batcher := &txBatcher{views: views}
	hangs, works := participant{batcher: batcher}, participant{batcher: batcher}
	for n := range uint64(3) {
		hangs.ExpectBatch(1)
		works.ExpectBatch(1)
		err := works.apply(t.Context(), port.ProjectionUpdate{
			View: spec, Update: port.Update{Lease: c.Lease, From: core.Position{Sequence: n}, To: core.Position{Sequence: n + 1}},
			Fold: func(port.FoldInput) (port.FoldResult, error) { return port.FoldResult{}, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	hangs.ExpectNoBatch()
	works.ExpectNoBatch()
	if batcher.expected != 0 || batcher.running || len(batcher.queue) != 0 {
		t.Errorf("%d are expected, running %v, %d in the queue", batcher.expected, batcher.running, len(batcher.queue))
	}
}
