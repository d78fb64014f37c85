package port_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

func TestExponentialPausesDiffer(t *testing.T) {
	t.Parallel()
	pauses := map[time.Duration]bool{}
	for range 50 {
		pauses[core.RetryPolicy{First: time.Hour}.Pause(1)] = true
	}
	if len(pauses) < 40 {
		t.Errorf("50 pauses have %d lengths", len(pauses))
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	err := errors.New("no luck")
	limited := core.RetryPolicy{Backoff: core.Fixed, First: time.Second, Limit: 3}
	for what, c := range map[string]struct {
		policy  core.RetryPolicy
		attempt int
		err     error
		pause   time.Duration
		again   bool
	}{
		"the first attempt":        {limited, 1, err, time.Second, true},
		"the last attempt":         {limited, 3, err, 0, false},
		"no limit":                 {core.RetryPolicy{Backoff: core.NoBackoff}, 1_000_000, err, 0, true},
		"terminated":               {limited, 1, fmt.Errorf("x: %w", port.Terminate(err)), 0, false},
		"after a time":             {limited, 2, fmt.Errorf("x: %w", port.RetryAfter(time.Minute, err)), time.Minute, true},
		"after a time, once more":  {limited, 3, port.RetryAfter(time.Minute, err), 0, false},
		"after a time in the past": {limited, 1, port.RetryAfter(-time.Minute, err), 0, true},
	} {
		pause, again := port.NextAttempt(c.policy, c.attempt, c.err)
		if pause != c.pause || again != c.again {
			t.Errorf("%s: %s, %v", what, pause, again)
		}
		if !errors.Is(c.err, err) {
			t.Errorf("%s: the cause is lost", what)
		}
	}
}

func TestSubscriptionsAreChecked(t *testing.T) {
	t.Parallel()
	s, err := port.Subscription{Group: "g"}.WithDefaults()
	if err != nil || s.MaxInFlight <= 0 || s.AckWait <= 0 || s.Retry.Backoff != core.Exponential {
		t.Errorf("%+v, %v", s, err)
	}
	for what, s := range map[string]port.Subscription{
		"no group":            {},
		"negative in flight":  {Group: "g", MaxInFlight: -1},
		"negative wait":       {Group: "g", AckWait: -1},
		"unknown backoff":     {Group: "g", Retry: core.RetryPolicy{Backoff: "cubic"}},
		"negative limit":      {Group: "g", Retry: core.RetryPolicy{Limit: -1}},
		"first above longest": {Group: "g", Retry: core.RetryPolicy{First: 2, Max: 1}},
	} {
		if _, err := s.WithDefaults(); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

func TestAPanicIsAnError(t *testing.T) {
	t.Parallel()
	err := port.Deliver(t.Context(), func(context.Context, port.Delivery) error { panic("poison") }, port.Delivery{})
	if err == nil || !strings.HasPrefix(err.Error(), "the handler panicked: poison\n") || !strings.Contains(err.Error(), "bus_test.go") {
		t.Errorf("got %v", err)
	}
}
