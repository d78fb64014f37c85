package runtime

import (
	"testing"

	"orchestrix/shared/es"
	"orchestrix/shared/memory"
)

// Nobody waits for ever for a projection that has got something and does not hand it in: its domain may hang.
func TestPlacesDoNotWaitForOneThatHangs(t *testing.T) {
	t.Parallel()
	views := memory.NewViews()
	spec := es.ViewSpec{Name: "v", Version: 1}
	if err := views.Prepare(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	c, err := views.Claim(t.Context(), spec, 0, "me", 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	shared := &together{views: views}
	hangs, works := place{together: shared}, place{together: shared}
	for n := range uint64(3) {
		hangs.expect()
		works.expect()
		err := works.apply(t.Context(), es.Application{
			View: spec, Update: es.Update{Lease: c.Lease, From: es.Position{Sequence: n}, To: es.Position{Sequence: n + 1}},
			Fold: func(es.Current) (es.Outcome, error) { return es.Outcome{}, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// Then it turns out to have nothing.
	hangs.dismiss()
	works.dismiss()
	if shared.coming != 0 || shared.running || len(shared.queue) != 0 {
		t.Errorf("%d are expected, running %v, %d wait", shared.coming, shared.running, len(shared.queue))
	}
}
