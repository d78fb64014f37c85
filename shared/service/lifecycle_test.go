package service_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/service"
)

var quiet = slog.New(slog.DiscardHandler)

// recorder records the order in which parts stop.
type recorder struct {
	mu      sync.Mutex
	stopped []string
}

func (r *recorder) part(name string, run func(ctx context.Context) error) service.Part {
	return service.Part{Name: name, Run: func(ctx context.Context) error {
		defer func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.stopped = append(r.stopped, name)
		}()
		return run(ctx)
	}}
}

func untilStopped(ctx context.Context) error { <-ctx.Done(); return nil }

func TestPartsStopInReverse(t *testing.T) {
	t.Parallel()
	var r recorder
	ctx, stop := context.WithCancel(t.Context())
	stop()
	err := service.Run(ctx, time.Minute, quiet, r.part("a", untilStopped), r.part("b", untilStopped), r.part("c", untilStopped))
	if err != nil || !slices.Equal(r.stopped, []string{"c", "b", "a"}) {
		t.Errorf("stopped %v, %v", r.stopped, err)
	}
}

func TestAPartThatFailsStopsTheOthers(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken on purpose")
	for want, run := range map[string]func(context.Context) error{
		"b: broken on purpose": func(context.Context) error { return broken },
		"b ended unexpectedly": func(context.Context) error { return nil },
	} {
		var r recorder
		err := service.Run(t.Context(), time.Minute, quiet, r.part("a", untilStopped), r.part("b", run), r.part("c", untilStopped))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, not %q", err, want)
		}
		if !slices.Equal(r.stopped, []string{"b", "c", "a"}) {
			t.Errorf("%s: stopped %v", want, r.stopped)
		}
	}
}

func TestAPartThatHangsIsNamed(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	defer close(hold)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	err := service.Run(ctx, 10*time.Millisecond, quiet, service.Part{Name: "stuck", Run: func(context.Context) error { <-hold; return nil }})
	if !errors.Is(err, service.ErrDrainTimeout) || !strings.Contains(fmt.Sprint(err), "stuck") {
		t.Errorf("got %v", err)
	}
}
