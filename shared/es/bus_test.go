package es_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"orchestrix/shared/es"
)

func TestExponentialPausesDiffer(t *testing.T) {
	t.Parallel()
	pauses := map[time.Duration]bool{}
	for range 50 {
		pauses[es.RetryPolicy{First: time.Hour}.Pause(1)] = true
	}
	if len(pauses) < 40 {
		t.Errorf("50 pauses have %d lengths", len(pauses))
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	err := errors.New("no luck")
	limited := es.RetryPolicy{Backoff: es.Fixed, First: time.Second, Limit: 3}
	for what, c := range map[string]struct {
		policy  es.RetryPolicy
		attempt int
		err     error
		pause   time.Duration
		again   bool
	}{
		"the first attempt":        {limited, 1, err, time.Second, true},
		"the last attempt":         {limited, 3, err, 0, false},
		"no limit":                 {es.RetryPolicy{Backoff: es.NoBackoff}, 1_000_000, err, 0, true},
		"terminated":               {limited, 1, fmt.Errorf("x: %w", es.Terminate(err)), 0, false},
		"after a time":             {limited, 2, fmt.Errorf("x: %w", es.RetryAfter(time.Minute, err)), time.Minute, true},
		"after a time, once more":  {limited, 3, es.RetryAfter(time.Minute, err), 0, false},
		"after a time in the past": {limited, 1, es.RetryAfter(-time.Minute, err), 0, true},
	} {
		pause, again := es.Verdict(c.policy, c.attempt, c.err)
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
	s, err := es.Subscription{Group: "g"}.WithDefaults()
	if err != nil || s.MaxInFlight <= 0 || s.AckWait <= 0 || s.Retry.Backoff != es.Exponential {
		t.Errorf("%+v, %v", s, err)
	}
	for what, s := range map[string]es.Subscription{
		"no group":            {},
		"negative in flight":  {Group: "g", MaxInFlight: -1},
		"negative wait":       {Group: "g", AckWait: -1},
		"unknown backoff":     {Group: "g", Retry: es.RetryPolicy{Backoff: "cubic"}},
		"negative limit":      {Group: "g", Retry: es.RetryPolicy{Limit: -1}},
		"first above longest": {Group: "g", Retry: es.RetryPolicy{First: 2, Max: 1}},
	} {
		if _, err := s.WithDefaults(); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

func TestAPanicIsAnError(t *testing.T) {
	t.Parallel()
	err := es.Deliver(t.Context(), func(context.Context, es.Delivery) error { panic("poison") }, es.Delivery{})
	if err == nil || !strings.HasPrefix(err.Error(), "the handler panicked: poison\n") || !strings.Contains(err.Error(), "bus_test.go") {
		t.Errorf("got %v", err)
	}
}
