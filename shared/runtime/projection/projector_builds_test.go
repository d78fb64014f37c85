package projection_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/process"
	"github.com/orchestrix-go/orchestrix/shared/runtime/projection"
)

var ada = core.Action{Who: "ada", Did: "test"}

// A build that was cancelled and dropped stays cancelled and does not prevent the next one.
func TestRebuildAfterACancelledOneWasDropped(t *testing.T) {
	t.Parallel()
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		want := runtimetest.FeedCounters(t, s.Log, "a", 4, 5)
		p, _ := runtimetest.StartProjector(t, runtimetest.TallyRegistry(t, 1, nil), s.Log, s.Views, "one")
		runtimetest.AwaitTallies(t, s.Views, want)
		cancelARebuild(t, p, s.Views)
		if _, err := s.Views.Drop(t.Context(), "by-id", time.Now().Add(time.Minute), ada); err != nil {
			t.Fatal(err)
		}
		again, err := s.Views.Rebuild(t.Context(), runtimetest.CounterView(t, "by-id"), true, ada)
		if err != nil {
			t.Fatal(err)
		}
		runtimetest.Eventually(t, "the second rebuild is active", func() error { return wantBuild(s.Views, again, port.Active) })
		runtimetest.AwaitTallies(t, s.Views, runtimetest.MergeTallies(want, runtimetest.FeedCounters(t, s.Log, "b", 4, 6)))
	})
}

// cancelARebuild cancels a rebuild after the projector has prepared it and before it is active.
func cancelARebuild(t *testing.T, p *projection.Projector, views port.ViewStore) {
	t.Helper()
	if err := views.Pause(t.Context(), "by-id", true, ada); err != nil {
		t.Fatal(err)
	}
	b, err := views.Rebuild(t.Context(), runtimetest.CounterView(t, "by-id"), false, ada)
	if err != nil {
		t.Fatal(err)
	}
	runtimetest.Eventually(t, "the projector has read the rebuild", func() error {
		for _, report := range p.Status() {
			if report.Build == b {
				return nil
			}
		}
		return fmt.Errorf("%s is not known", b)
	})
	if _, err := views.Cancel(t.Context(), "by-id", ada); err != nil {
		t.Fatal(err)
	}
	if err := views.Pause(t.Context(), "by-id", false, ada); err != nil {
		t.Fatal(err)
	}
}

func wantBuild(views port.ViewStore, b core.Build, state port.BuildState) error {
	builds, err := views.Builds(context.Background())
	if err != nil {
		return err
	}
	for _, status := range builds {
		if status.Build == b && status.State != state {
			return fmt.Errorf("%s is %s", b, status.State)
		} else if status.Build == b {
			return nil
		}
	}
	return fmt.Errorf("there is no %s", b)
}

// Only the process runner drops the builds of its own checkpoints. If each service has its own role in the database, the
// projector has no permission to, and the failure must not prevent it from dropping the rest.
func TestProjectorsDropTheirOwnBuilds(t *testing.T) {
	t.Parallel()
	views, registry := memory.NewViews(), runtimetest.TallyRegistry(t, 1, nil)
	own, other := runtimetest.CounterView(t, "by-id").Build(), process.CheckpointView().Build()
	for _, b := range []core.Build{own, other} {
		retire(t, views, core.ViewSpec{Name: b.View, Version: b.Version})
	}
	p := projection.New(registry, memory.NewLog(1), views, projection.Config{KeepOld: 1, LeaseTTL: runtimetest.ShortTTL, Logger: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	runtimetest.Eventually(t, "the old build is gone", func() error {
		if wantBuild(views, own, port.Retired) == nil {
			return fmt.Errorf("%s is there", own)
		}
		return nil
	})
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := wantBuild(views, other, port.Retired); err != nil {
		t.Errorf("the build of the process runner: %v", err)
	}
}

// retire creates a build and replaces it by another one.
func retire(t *testing.T, views port.ViewStore, spec core.ViewSpec) {
	t.Helper()
	if err := views.Prepare(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	b, err := views.Rebuild(t.Context(), spec, false, ada)
	if err != nil {
		t.Fatal(err)
	}
	spec.Rebuild = b.Rebuild
	if err := views.Prepare(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if active, err := views.Activate(t.Context(), spec, 0); err != nil || !active {
		t.Fatal(active, err)
	}
}

// A program with an older version of a view than the active one does not report that it has switched readers, and starts no
// build: readers never go back to an older version.
func TestAnOlderProgramSwitchesNoReaders(t *testing.T) {
	t.Parallel()
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		want := runtimetest.FeedCounters(t, s.Log, "a", 2, 2)
		_, stop := runtimetest.StartProjector(t, runtimetest.TallyRegistry(t, 2, nil), s.Log, s.Views, "newer")
		runtimetest.AwaitTallies(t, s.Views, want)
		stop()
		_, err := s.Views.Rebuild(t.Context(), runtimetest.CounterView(t, "by-id"), false, ada)
		if !errors.Is(err, port.ErrOtherVersion) {
			t.Errorf("a rebuild of the older version: %v", err)
		}
		var lines bytes.Buffer
		rounds := make(chan struct{})
		views := &stalling{ViewStore: s.Views, next: rounds}
		p := projection.New(runtimetest.TallyRegistry(t, 1, nil), s.Log, views, projection.Config{LeaseTTL: runtimetest.ShortTTL, Logger: slog.New(slog.NewTextHandler(&lines, nil))})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		for range 4 {
			<-rounds
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if strings.Contains(lines.String(), "readers are switched") {
			t.Error(lines.String())
		}
	})
}
