package projection_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/projection"
)

// An error may contain any bytes, such as a part of data that could not be read. What is valid text of it is stored.
func TestAFailureMayHoldAnyText(t *testing.T) {
	t.Parallel()
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		failure := errors.New("it holds \x00 and \xff " + strings.Repeat("ü", 2000))
		registry := runtimetest.FoldRegistry(t, es.OnWith(func(d *runtimetest.Tally, e runtimetest.Added, _ core.Meta) error {
			if d.Total += e.N; e.N == 13 {
				return failure
			}
			return nil
		}))
		runtimetest.StartProjector(t, registry, s.Log, s.Views, "one")
		x := runtimetest.NewExecutor(t, s.Log, nil, command.Config{})
		for i, n := range []int{1, 13, 2} {
			runtimetest.MustExecute(t, x, runtimetest.AddCommand("stuck", fmt.Sprint("c", i), n))
		}
		var id int64
		runtimetest.Eventually(t, "the event is parked with its failure", func() error {
			failed, err := s.Views.Parked(t.Context(), port.ParkedQuery{Limit: 10})
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
		if r, err := projection.NewParkedEvents(registry, s.Log, s.Views).Retry(t.Context(), id, ada); err != nil || r.Failed == nil {
			t.Errorf("the retry is %+v, %v", r, err)
		}
	})
}
