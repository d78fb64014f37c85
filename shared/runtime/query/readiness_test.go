package query_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
)

// beingBuilt are views of which only some have a build to read.
type beingBuilt struct {
	port.ViewReader
	built map[string]bool
	asked int
	err   error
}

func (v *beingBuilt) Checkpoints(_ context.Context, view string) ([]port.Checkpoint, error) {
	v.asked++
	switch {
	case v.err != nil:
		return nil, v.err
	case !v.built[view]:
		return nil, &port.NotBuiltError{View: view}
	}
	return nil, nil
}

func (v *beingBuilt) Get(_ context.Context, view, _, _ string) (core.Document, error) {
	if !v.built[view] {
		return core.Document{}, &port.NotBuiltError{View: view}
	}
	return core.Document{}, nil
}

func TestQueriesAreReadyWhenEveryViewCanBeRead(t *testing.T) {
	t.Parallel()
	views := &beingBuilt{built: map[string]bool{}, err: port.ErrUnavailable}
	q := query.New(twice(t), memory.NewLog(1), views, nil, nil)
	if err := q.Ready(t.Context()); !errors.Is(err, port.ErrUnavailable) {
		t.Errorf("without a database: %v", err)
	}
	views.err = nil
	for _, c := range []struct{ build, missing string }{{"", "one, two"}, {"two", "one"}, {"one", ""}} {
		views.built[c.build] = true
		err := q.Ready(t.Context())
		if (err == nil) != (c.missing == "") || err != nil && !strings.Contains(err.Error(), "not built yet: "+c.missing+":") {
			t.Errorf("with %v: %v, want %q to be missing", views.built, err, c.missing)
		}
	}
	asked := views.asked
	views.err = port.ErrUnavailable
	if err := q.Ready(t.Context()); err != nil || views.asked != asked {
		t.Errorf("later: %v after %d reads: a view that was built stays so", err, views.asked-asked)
	}
}

// A read that waits for a position names the view as not built, not as behind.
func TestAWaitForAViewThatIsNotBuilt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := query.New(twice(t), endingAt{memory.NewLog(1), 1}, &beingBuilt{}, nil, nil)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- q.Run(ctx) }()
		defer func() { stop(); <-ended }()
		for _, patience := range []time.Duration{0, time.Second} {
			_, _, err := q.Document(t.Context(), "one", core.DefaultTenant, "a", query.Wait{For: firstOf(0), Timeout: patience})
			var notBuilt *port.NotBuiltError
			if !errors.As(err, &notBuilt) || notBuilt.View != "one" {
				t.Errorf("after %s: %v, want a NotBuiltError", patience, err)
			}
		}
	})
}
