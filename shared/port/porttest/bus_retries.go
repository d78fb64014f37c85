package porttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Different streams are handled concurrently, up to the limit of the worker.
func busInFlight(t *testing.T, bus port.MessageBus) {
	const limit = 3
	entered, leave := make(chan string, 10), make(chan struct{})
	var inFlight, most atomic.Int64
	subscribe(t, bus, port.CommandTopic, port.Subscription{MaxInFlight: limit}, func(_ context.Context, d port.Delivery) error {
		now := inFlight.Add(1)
		defer inFlight.Add(-1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		entered <- d.ID
		<-leave
		return nil
	})
	for n := range 2 * limit {
		publish(t, bus, port.CommandTopic, busMessage(fmt.Sprint("s", n), fmt.Sprint(n)))
	}
	for range limit {
		await(t, "a handler", entered)
	}
	close(leave)
	for range limit {
		await(t, "another handler", entered)
	}
	if most.Load() != limit {
		t.Errorf("%d messages were in flight, the limit is %d", most.Load(), limit)
	}
}

func busRetry(t *testing.T, bus port.MessageBus) {
	type seen struct {
		id      string
		attempt int
	}
	got := make(chan seen, 10)
	var other atomic.Bool
	for _, m := range []port.Message{busMessage("a", "fails"), busMessage("a", "behind"), busMessage("b", "other")} {
		publish(t, bus, port.CommandTopic, m)
	}
	policy := core.RetryPolicy{Backoff: core.Fixed, First: time.Millisecond}
	subscribe(t, bus, port.CommandTopic, port.Subscription{Retry: policy}, func(_ context.Context, d port.Delivery) error {
		if d.ID == "other" {
			other.Store(true)
			return nil
		}
		got <- seen{d.ID, d.Attempt}
		if d.ID == "fails" && (d.Attempt < 3 || !other.Load()) {
			return errBus
		}
		return nil
	})
	last := seen{}
	for {
		now := await(t, "an attempt", got)
		if now.id == "behind" {
			if now.attempt != 1 || last.attempt < 3 {
				t.Errorf("attempt %d of the message behind came after attempt %d", now.attempt, last.attempt)
			}
			return
		}
		if now.attempt != last.attempt+1 {
			t.Errorf("attempt %d came after %d", now.attempt, last.attempt)
		}
		last = now
	}
}

func busRetryAfter(t *testing.T, bus port.MessageBus) {
	const pause = 30 * time.Millisecond
	times := make(chan time.Time, 2)
	subscribe(t, bus, port.CommandTopic, port.Subscription{Retry: core.RetryPolicy{Backoff: core.Fixed, First: time.Hour, Max: time.Hour}},
		func(_ context.Context, d port.Delivery) error {
			times <- time.Now()
			if d.Attempt == 1 {
				return fmt.Errorf("later: %w", port.RetryAfter(pause, errBus))
			}
			return nil
		})
	publish(t, bus, port.CommandTopic, busMessage("a", "1"))
	first, second := await(t, "the first attempt", times), await(t, "the second attempt", times)
	if took := second.Sub(first); took < pause {
		t.Errorf("the second attempt came after %s", took)
	}
}

// deadLetters waits for this number of dead letters.
func deadLetters(t testing.TB, bus port.DeadLetters, n int) (dead []port.DeadLetter) {
	t.Helper()
	eventually(t, fmt.Sprint(n, " dead letters"), func() bool {
		var err error
		if dead, err = bus.DeadLetters(t.Context(), port.DeadLetterQuery{}); err != nil {
			t.Fatalf("DeadLetters: %v", err)
		}
		return len(dead) >= n
	})
	return dead
}

func busDeadLetters(t *testing.T, bus port.MessageBus) {
	behind := make(chan port.Delivery, 10)
	for _, stream := range []string{"limit", "terminate", "panic"} {
		m := busMessage(stream, stream)
		m.Header = map[string]string{"traceparent": "00-" + stream}
		publish(t, bus, port.CommandTopic, m)
		publish(t, bus, port.CommandTopic, busMessage(stream, "behind-"+stream))
	}
	subscribe(t, bus, port.CommandTopic, port.Subscription{Group: "g", Retry: core.RetryPolicy{Backoff: core.NoBackoff, Limit: 3}},
		func(_ context.Context, d port.Delivery) error {
			switch d.ID {
			case "limit":
				return fmt.Errorf("attempt %d: %w", d.Attempt, errBus)
			case "terminate":
				return fmt.Errorf("hopeless: %w", port.Terminate(errBus))
			case "panic":
				panic("poison")
			}
			behind <- d
			return nil
		})
	for range 3 {
		if d := await(t, "the message behind", behind); d.Attempt != 1 {
			t.Errorf("%s came with attempt %d", d.ID, d.Attempt)
		}
	}
	want := map[string]struct {
		attempts int
		err      string
	}{"limit": {3, "attempt 3: no luck"}, "terminate": {1, "hopeless: no luck"}, "panic": {3, "the handler panicked: poison"}}
	dead := deadLetters(t, bus, 3)
	for i, d := range dead {
		w := want[d.ID]
		if d.Attempts != w.attempts || len(d.Error) < len(w.err) || d.Error[:len(w.err)] != w.err || d.Topic != port.CommandTopic || d.Group != "g" ||
			d.To != stream(d.ID) || d.Sender != port.CommandSender || d.Name != "act" || string(d.Data) != d.ID || d.Header["traceparent"] != "00-"+d.ID || len(d.Header) != 1 || d.Published.IsZero() || d.Died.Before(d.Published) {
			t.Errorf("dead letter %+v\nnot %+v", d, w)
		}
		if i > 0 && d.Number <= dead[i-1].Number {
			t.Errorf("number %d follows %d", d.Number, dead[i-1].Number)
		}
		delete(want, d.ID)
	}
	if len(want) > 0 {
		t.Errorf("no dead letters: %v", want)
	}
}

// makeDeadLetters makes dead letters, in order.
func makeDeadLetters(t testing.TB, bus port.MessageBus, topic port.Topic, group string, ids ...string) {
	t.Helper()
	before := len(deadLetters(t, bus, 0))
	for _, id := range ids {
		publish(t, bus, topic, busMessage("a", id))
	}
	worker := subscribe(t, bus, topic, port.Subscription{Group: group}, func(context.Context, port.Delivery) error { return port.Terminate(errBus) })
	deadLetters(t, bus, before+len(ids))
	worker.stop()
}

func busList(t *testing.T, bus port.MessageBus) {
	makeDeadLetters(t, bus, port.CommandTopic, "c", "1", "2", "3")
	makeDeadLetters(t, bus, port.ResultTopic, "o", "4", "5")
	all := deadLetters(t, bus, 5)
	for what, c := range map[string]struct {
		query port.DeadLetterQuery
		want  []string
	}{
		"all":               {port.DeadLetterQuery{}, []string{"1", "2", "3", "4", "5"}},
		"a limit":           {port.DeadLetterQuery{Limit: 2}, []string{"1", "2"}},
		"after one":         {port.DeadLetterQuery{After: all[1].Number, Limit: 2}, []string{"3", "4"}},
		"after the last":    {port.DeadLetterQuery{After: all[4].Number}, nil},
		"a topic":           {port.DeadLetterQuery{Topic: port.ResultTopic}, []string{"4", "5"}},
		"a group":           {port.DeadLetterQuery{Group: "c", After: all[0].Number}, []string{"2", "3"}},
		"a topic and group": {port.DeadLetterQuery{Topic: port.CommandTopic, Group: "o"}, nil},
	} {
		found, err := bus.DeadLetters(t.Context(), c.query)
		var got []string
		for _, d := range found {
			got = append(got, d.ID)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v; not %q", what, got, err, c.want)
		}
	}
	one, err := bus.DeadLetter(t.Context(), all[3].Number)
	if err != nil || one.ID != "4" || one.Number != all[3].Number || one.Group != "o" || one.Error != "no luck" {
		t.Errorf("DeadLetter: %+v, %v", one, err)
	}
}

func busDeadLetterActions(t *testing.T, bus port.MessageBus) {
	ctx := t.Context()
	makeDeadLetters(t, bus, port.CommandTopic, "g", "1", "2", "3")
	dead := deadLetters(t, bus, 3)
	if err := bus.DropDeadLetter(ctx, dead[1].Number); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2} {
		if err := bus.RetryDeadLetter(ctx, dead[i].Number); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range dead {
		_, err := bus.DeadLetter(ctx, d.Number)
		wantErr(t, "DeadLetter of what is gone", err, core.ErrNotFound)
		wantErr(t, "RetryDeadLetter of what is gone", bus.RetryDeadLetter(ctx, d.Number), core.ErrNotFound)
		wantErr(t, "DropDeadLetter of what is gone", bus.DropDeadLetter(ctx, d.Number), core.ErrNotFound)
	}
	got := make(chan port.Delivery, 10)
	worker := subscribe(t, bus, port.CommandTopic, port.Subscription{Group: "g", Retry: core.RetryPolicy{Backoff: core.NoBackoff, Limit: 2}},
		func(_ context.Context, d port.Delivery) error {
			got <- d
			if d.ID == "3" {
				return errors.New("again")
			}
			return nil
		})
	for _, want := range []struct {
		id      string
		attempt int
	}{{"1", 1}, {"3", 1}, {"3", 2}} {
		if d := await(t, "a retried message", got); d.ID != want.id || d.Attempt != want.attempt || string(d.Data) != want.id || len(d.Header) > 0 {
			t.Errorf("attempt %d of %+v came back, not %v", d.Attempt, d.Message, want)
		}
	}
	again := deadLetters(t, bus, 1)
	worker.stop()
	if len(again) != 1 || again[0].ID != "3" || again[0].Error != "again" || again[0].Attempts != 2 || again[0].Number <= dead[2].Number {
		t.Errorf("what died again: %+v", again)
	}
}
