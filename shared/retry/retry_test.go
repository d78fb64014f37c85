package retry_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/retry"
)

var (
	errBusy = errors.New("busy")
	fast    = retry.Policy{First: time.Nanosecond, Max: time.Nanosecond}
)

// failing returns an operation that fails n times, and a count of its calls.
func failing(n int, err error) (operation func(context.Context) (string, error), calls *int) {
	calls = new(int)
	return func(context.Context) (string, error) {
		if *calls++; *calls <= n {
			return "", err
		}
		return "done", nil
	}, calls
}

func TestDoRepeatsUntilTheCallSucceeds(t *testing.T) {
	t.Parallel()
	var failures int
	policy := fast
	policy.OnFailure = func(err error, _ time.Duration) {
		if errors.Is(err, errBusy) {
			failures++
		}
	}
	operation, calls := failing(3, errBusy)
	if got, err := retry.Do(t.Context(), policy, operation); got != "done" || err != nil || *calls != 4 || failures != 3 {
		t.Errorf("%q, %v after %d calls, %d failures reported", got, err, *calls, failures)
	}
}

func TestDoStops(t *testing.T) {
	t.Parallel()
	limited, spent := fast, retry.Policy{First: time.Hour, Budget: time.Minute}
	limited.Limit = 3
	ended, end := context.WithCancelCause(t.Context())
	end(errors.New("shut down"))
	for name, c := range map[string]struct {
		ctx    context.Context
		policy retry.Policy
		err    error
		calls  int
		want   string
	}{
		"at the limit":                 {t.Context(), limited, errBusy, 3, "busy"},
		"before a pause over budget":   {t.Context(), spent, errBusy, 1, "busy"},
		"at a permanent error":         {t.Context(), fast, retry.Permanent(errBusy), 1, "busy"},
		"when the context has ended":   {ended, fast, errBusy, 1, "shut down: busy"},
		"with the error of the caller": {ended, fast, retry.Permanent(errBusy), 1, "busy"},
		"at a wrapped permanent error": {t.Context(), fast, fmt.Errorf("call: %w", retry.Permanent(errBusy)), 1, "call: busy"},
	} {
		operation, calls := failing(math.MaxInt, c.err)
		_, err := retry.Do(c.ctx, c.policy, operation)
		if !errors.Is(err, errBusy) || err.Error() != c.want || *calls != c.calls {
			t.Errorf("%s: %q after %d calls, want %q after %d", name, err, *calls, c.want, c.calls)
		}
	}
	if retry.Permanent(nil) != nil {
		t.Error("no error became one")
	}
}

func TestPausesGrow(t *testing.T) {
	t.Parallel()
	half := retry.Policy{First: 50 * time.Millisecond, Max: time.Second}
	full := retry.Policy{First: 50 * time.Millisecond, Max: time.Second, FullJitter: true}
	for attempt, most := range map[int]time.Duration{
		-1: 50 * time.Millisecond, 1: 50 * time.Millisecond, 2: 100 * time.Millisecond, 5: 800 * time.Millisecond, 6: time.Second, math.MaxInt: time.Second,
	} {
		if got := half.Steady(attempt); got != most {
			t.Errorf("attempt %d: at most %s, want %s", attempt, got, most)
		}
		for range 100 {
			if got := half.Pause(attempt); got < most/2 || got > most {
				t.Errorf("attempt %d: %s, want %s to %s", attempt, got, most/2, most)
			}
			if got := full.Pause(attempt); got < 0 || got > most {
				t.Errorf("attempt %d with full jitter: %s, want at most %s", attempt, got, most)
			}
		}
	}
	if got := (retry.Policy{}).Steady(100); got != time.Minute {
		t.Errorf("the default ends at %s", got)
	}
	if got := (retry.Policy{First: math.MaxInt64}).Steady(2); got != math.MaxInt64 {
		t.Errorf("the longest pause there is became %s", got)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	if !retry.Sleep(ctx, 0) || !retry.Sleep(ctx, time.Nanosecond) {
		t.Error("a pause ended early")
	}
	cancel()
	pauses := retry.Pauses{First: time.Hour, Max: time.Hour}
	if retry.Sleep(ctx, 0) || retry.Sleep(ctx, time.Hour) || pauses.Wait(ctx) {
		t.Error("a pause outlasted the context")
	}
}
