package runtime_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"orchestrix/shared/core"
	"orchestrix/shared/es"
	"orchestrix/shared/port"
	"orchestrix/shared/runtime/command"
	"orchestrix/shared/runtime/projection"
)

// An error may contain any bytes, such as a part of data that could not be read. What is valid text of it is stored.
func TestAFailureMayHoldAnyText(t *testing.T) {
	t.Parallel()
	onStacks(t, func(t *testing.T, s stack) {
		failure := errors.New("it holds \x00 and \xff " + strings.Repeat("ü", 2000))
		registry := registryOf(t, es.OnWith(func(d *tally, e added, _ core.Meta) error {
			if d.Total += e.N; e.N == 13 {
				return failure
			}
			return nil
		}))
		startProjector(t, registry, s.log, s.views, "one")
		x := newExecutor(t, s.log, nil, command.Config{})
		for i, n := range []int{1, 13, 2} {
			mustExecute(t, x, addCommand("stuck", fmt.Sprint("c", i), n))
		}
		var id int64
		eventually(t, "the event is parked with its failure", func() error {
			failed, err := s.views.Parked(t.Context(), port.ParkedQuery{Limit: 10})
			if err != nil || len(failed) != 1 || failed[0].Behind != 1 {
				return fmt.Errorf("parked are %+v, %w", failed, err)
			}
			id = failed[0].ID
			if text := failed[0].Failure.Message; !strings.HasPrefix(text, "it holds ") || !strings.Contains(text, "üü") || !utf8.ValidString(text) {
				t.Fatalf("the failure is %q", text)
			}
			if lane := failed[0].Lane.Name; lane != "document/stuck" {
				t.Fatalf("it waits in %s", lane)
			}
			return nil
		})
		if r, err := projection.NewParking(registry, s.log, s.views).Retry(t.Context(), id, ada); err != nil || r.Failed == nil {
			t.Errorf("the retry is %+v, %v", r, err)
		}
	})
}

// registryOf has the counters and one view of them by id.
func registryOf(t testing.TB, fold es.Fold[tally]) *core.Registry {
	t.Helper()
	module := counterModule(core.SnapshotPolicy{})
	module.Views = []es.ViewDef{es.View[tally]{Name: "by-id", Version: 1, On: es.Folds[tally]{fold}}}
	registry, err := es.NewRegistry(module)
	if err != nil {
		t.Fatal(err)
	}
	return registry
}
