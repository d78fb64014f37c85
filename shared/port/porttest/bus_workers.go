package porttest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// A handler that runs longer than AckWait keeps its message, although another worker is active.
func busSlow(t *testing.T, bus port.MessageBus) {
	const wait = time.Second
	l := newLedger(t)
	entered := make(chan port.Delivery, 10)
	for range 2 {
		subscribe(t, bus, port.CommandTopic, port.Subscription{AckWait: wait}, func(_ context.Context, d port.Delivery) error {
			l.enter(d)
			defer l.leave(d, true)
			entered <- d
			if d.ID == "slow" {
				time.Sleep(3 * wait) // it is what is slow here, nothing waits for it
			}
			return nil
		})
	}
	publish(t, bus, port.CommandTopic, busMessage("a", "slow"))
	publish(t, bus, port.CommandTopic, busMessage("a", "behind"))
	for _, want := range []string{"slow", "behind"} {
		if d := await(t, "a message", entered); d.ID != want || d.Attempt != 1 {
			t.Errorf("attempt %d of %s came, not %s", d.Attempt, d.ID, want)
		}
	}
}

// A worker that is stopped finishes its messages, and waiting messages go to another worker.
func busDrain(t *testing.T, bus port.MessageBus) {
	entered, leave := make(chan string), make(chan error)
	handler := func(ctx context.Context, d port.Delivery) error {
		entered <- d.ID
		defer func() {
			if ctx.Err() != nil {
				t.Errorf("the context of the handler of %s has ended: %v", d.ID, ctx.Err())
			}
		}()
		return <-leave
	}
	for _, id := range []string{"1", "2", "3"} {
		publish(t, bus, port.CommandTopic, busMessage("a", id))
	}
	first := subscribe(t, bus, port.CommandTopic, port.Subscription{}, handler)
	if id := await(t, "the first message", entered); id != "1" {
		t.Fatalf("%s came first", id)
	}
	stopped := make(chan struct{})
	go func() { defer close(stopped); first.stop() }()
	second := subscribe(t, bus, port.CommandTopic, port.Subscription{}, handler)
	select {
	case <-stopped:
		t.Error("the worker stopped while its handler was at work")
	case id := <-entered:
		t.Errorf("%s is handled while 1 is", id)
	case <-time.After(100 * time.Millisecond): // it can't prove that nothing comes, only find it where it does
	}
	leave <- nil
	await(t, "the end of the first worker", stopped)
	for _, want := range []string{"2", "3"} {
		if id := await(t, "what had waited", entered); id != want {
			t.Errorf("%s came, not %s", id, want)
		}
		leave <- nil
	}
	second.stop()
}

// A message whose worker is stopped between two attempts goes to another worker, with its number of attempts.
func busRetryMoves(t *testing.T, bus port.MessageBus) {
	attempts := make(chan int, 10)
	publish(t, bus, port.CommandTopic, busMessage("a", "1"))
	failing := subscribe(t, bus, port.CommandTopic, port.Subscription{Retry: core.RetryPolicy{Backoff: core.Fixed, First: 50 * time.Millisecond}},
		func(_ context.Context, d port.Delivery) error {
			attempts <- d.Attempt
			return errBus
		})
	for _, want := range []int{1, 2} {
		if got := await(t, "an attempt", attempts); got != want {
			t.Errorf("attempt %d came, not %d", got, want)
		}
	}
	failing.stop()
	more := len(attempts)
	subscribe(t, bus, port.CommandTopic, port.Subscription{}, func(_ context.Context, d port.Delivery) error {
		attempts <- -d.Attempt
		return nil
	})
	for {
		if got := await(t, "the last attempt", attempts); got < 0 {
			if -got != 3+more {
				t.Errorf("attempt %d came after %d", -got, 2+more)
			}
			return
		}
	}
}

func busOneGroup(t *testing.T, bus port.MessageBus) {
	entered := make(chan string, 1)
	handler := func(_ context.Context, d port.Delivery) error {
		entered <- d.ID
		return nil
	}
	first := subscribe(t, bus, port.CommandTopic, port.Subscription{Group: "first"}, handler)
	publish(t, bus, port.CommandTopic, busMessage("a", "1"))
	await(t, "a message", entered)
	if err := bus.Subscribe(t.Context(), port.CommandTopic, port.Subscription{Group: "second"}, handler); err == nil {
		t.Error("a second group was let in")
	}
	first.stop()
	subscribe(t, bus, port.CommandTopic, port.Subscription{Group: "second"}, handler)
	publish(t, bus, port.CommandTopic, busMessage("a", "2"))
	if id := await(t, "a message of the next group", entered); id != "2" {
		t.Errorf("%s came", id)
	}
	if err := bus.Subscribe(t.Context(), port.CommandTopic, port.Subscription{Group: "another"}, handler); err == nil {
		t.Error("a third group was let in, whose name comes first")
	}
	publish(t, bus, port.CommandTopic, busMessage("b", "3"))
	if id := await(t, "a message, after a third group was refused", entered); id != "3" {
		t.Errorf("%s came", id)
	}
}

// While workers start and stop, each message is handled once, and those of a stream in order.
func busWorkersChange(t *testing.T, bus port.MessageBus) {
	const streams, each, turns = 20, 30, 4
	l := newLedger(t)
	enough := make(chan struct{}, streams*each)
	work := func() busWorker {
		return subscribe(t, bus, port.CommandTopic, port.Subscription{MaxInFlight: 4}, func(_ context.Context, d port.Delivery) error {
			l.enter(d)
			time.Sleep(time.Millisecond) // so that workers are stopped while they are at it
			l.leave(d, true)
			enough <- struct{}{}
			return nil
		})
	}
	workers := []busWorker{work()}
	published := make(chan struct{})
	go func() { defer close(published); publishMany(t, bus, streams, each) }()
	for range turns {
		for range streams * each / turns / 2 {
			await(t, "progress", enough)
		}
		workers = append(workers, work())
		workers[0].stop()
		workers = slices.Delete(workers, 0, 1)
	}
	await(t, "the end of publishing", published)
	eventually(t, fmt.Sprint(streams*each, " messages"), func() bool { return l.count() >= streams*each })
	l.wantOrder(streams, each)
}
