package projection_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/projection"
)

type (
	leftSeen    struct{}
	leftIgnored struct{}
	rightSeen   struct{}
)

// twoContexts has two modules, and views of the events of the left one, of the right one and of both.
func twoContexts(t testing.TB) *core.Registry {
	t.Helper()
	left := es.Decider[bool]{Category: "left", Evolve: es.Events[bool]{
		es.Apply("Seen", func(bool, leftSeen) bool { return true }), es.Apply("Ignored", func(bool, leftIgnored) bool { return true }),
	}}
	right := es.Decider[bool]{Category: "right", Evolve: es.Events[bool]{es.Apply("Seen", func(bool, rightSeen) bool { return true })}}
	onLeft := es.On(func(d *runtimetest.Tally, _ leftSeen) { d.Adds++ })
	onRight := es.On(func(d *runtimetest.Tally, _ rightSeen) { d.Adds++ })
	registry, err := compile.Modules(
		es.Module{Name: "left", Deciders: []es.DeciderDef{left}, Views: []es.ViewDef{
			es.View[runtimetest.Tally]{Name: "lefts", Version: 1, On: es.Folds[runtimetest.Tally]{onLeft}},
		}},
		es.Module{Name: "right", Deciders: []es.DeciderDef{right}, Views: []es.ViewDef{
			es.View[runtimetest.Tally]{Name: "rights", Version: 1, On: es.Folds[runtimetest.Tally]{onRight}},
			es.View[runtimetest.Tally]{Name: "both", Version: 1, On: es.Folds[runtimetest.Tally]{onLeft, onRight}},
		}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return registry
}

// An event that can't be decoded is parked in the views that may fold it. If there are none, its type is logged once.
func TestAnUnknownEventConcernsTheViewsOfItsStreams(t *testing.T) {
	t.Parallel()
	registry, log, views := twoContexts(t), memory.NewLog(1), memory.NewViews()
	for i, e := range []struct {
		category, id, kind string
		schema             int
	}{
		{"left", "unknown", "left.Forgotten", 1},
		{"left", "newer", "left.Seen", 9},
		{"left", "newer-ignored", "left.Ignored", 9},
		{"gone", "1", "gone.Happened", 1},
		{"gone", "2", "gone.Happened", 1},
		{"left", "fine", "left.Seen", 1},
		{"right", "fine", "right.Seen", 1},
	} {
		_, err := log.Append(t.Context(), core.Revision{}, core.Commit{
			Stream: core.Stream{Tenant: core.DefaultTenant, Category: e.category, ID: e.id}, Version: 1,
			Command: core.CommandRef{ID: fmt.Sprint("c", i)}, Events: []core.Recorded{{Type: e.kind, Schema: e.schema, Data: json.RawMessage("{}")}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var lines bytes.Buffer
	p := projection.New(registry, log, views, projection.Config{LeaseTTL: runtimetest.ShortTTL, Logger: slog.New(slog.NewTextHandler(&lines, nil))})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	runtimetest.Eventually(t, "all views are at the end", func() error {
		all := p.Status()
		for _, r := range all {
			if len(r.Partitions) != 1 || r.Partitions[0].Position.Sequence != 7 || r.State != port.Active {
				return fmt.Errorf("%+v", r)
			}
		}
		if len(all) != 3 {
			return fmt.Errorf("there are %d views", len(all))
		}
		return nil
	})
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for view, want := range map[string]string{"lefts": "left-unknown left-newer", "both": "left-unknown left-newer", "rights": ""} {
		parked, err := views.Parked(t.Context(), port.ParkedQuery{View: view, Limit: 10})
		var streams []string
		for _, event := range parked {
			streams = append(streams, event.Stream.String())
		}
		if got := strings.Join(streams, " "); err != nil || got != want {
			t.Errorf("%s has parked %q, not %q: %v", view, got, want, err)
		}
		if d, err := views.Get(t.Context(), view, core.DefaultTenant, "fine"); err != nil {
			t.Errorf("%s: %+v, %v", view, d, err)
		}
	}
	for _, kind := range []string{"type=gone.Happened", "type=left.Ignored"} {
		if strings.Count(lines.String(), kind) != 1 {
			t.Errorf("%s is not logged once:\n%s", kind, lines.String())
		}
	}
	if strings.Contains(lines.String(), "type=left.Forgotten") || strings.Contains(lines.String(), "type=left.Seen") {
		t.Errorf("a parked event is logged as skipped:\n%s", lines.String())
	}
}
