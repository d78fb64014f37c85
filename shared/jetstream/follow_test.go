package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	njs "github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

func ignore(context.Context, port.Batch) error { return nil }

// A log that has lost a message, or ends before the position of a follower, is corrupt.
func TestALogThatLostMessagesIsNotFollowed(t *testing.T) {
	t.Parallel()
	conn := connect(t, localtest.NATS(t).URL())
	js, _ := njs.New(conn)
	_, err := js.CreateStream(t.Context(), njs.StreamConfig{ // as ours, but messages can be deleted
		Name: "ORX_EVENTS_0", Subjects: []string{"orx.evt.0.*.*.*"}, Discard: njs.DiscardNew, AllowDirect: true,
		Metadata: map[string]string{"orchestrix-partitions": "1", "orchestrix-format": "2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	log := openOn(t, conn, jetstream.Config{})
	revision := core.Revision{}
	for n := range 5 {
		revision = mustAppend(t, log, revision, happened(thing("a"), fmt.Sprint(n)))
	}
	stream, err := js.Stream(t.Context(), "ORX_EVENTS_0")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	after := core.Position{}
	err = untilAvailable(t.Context(), func(ctx context.Context) error {
		return log.Follow(ctx, after, 10, func(_ context.Context, b port.Batch) error {
			after = b.Commits[len(b.Commits)-1].Position
			return nil
		})
	})
	if !errors.Is(err, core.ErrCorrupt) || !strings.Contains(err.Error(), "nothing between 2 and 4") || after.Sequence != 2 {
		t.Errorf("after %s: %v", after, err)
	}
	if err := log.Follow(t.Context(), core.Position{Sequence: 6}, 10, ignore); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("from a position after its end: %v", err)
	}
	for _, err = range port.Read(t.Context(), log, thing("a"), 0) {
		if err != nil {
			break
		}
	}
	if !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("the stream was read: %v", err)
	}
}

// A Follow that has ended leaves nothing behind: no goroutine here, no consumer on the server. It is not
// parallel, so that the goroutines of the package's other tests are not counted.
func TestAFollowLeavesNothingBehind(t *testing.T) {
	log, conn := openLog(t, jetstream.Config{Partitions: 1})
	mustAppend(t, log, core.Revision{}, happened(thing("a"), "c1"))
	before := followGoroutines()
	errEnd := errors.New("end")
	for n := range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		err := log.Follow(ctx, core.Position{}, 1, func(context.Context, port.Batch) error {
			cancel()
			if n%2 == 0 {
				return errEnd
			}
			return nil
		})
		if n%2 == 0 && !errors.Is(err, errEnd) || n%2 == 1 && err != nil {
			t.Errorf("Follow ended with %v", err)
		}
	}
	await(t, "the goroutines to end", func() bool { return followGoroutines() <= before })
	js, _ := njs.New(conn)
	await(t, "the consumers to be deleted", func() bool {
		stream, err := js.Stream(t.Context(), "ORX_EVENTS_0")
		return err == nil && stream.CachedInfo().State.Consumers == 0
	})
}

// A consumer whose replica receives nothing new keeps sending heartbeats. The follower detects that the log continues.
func TestAStalledConsumerEndsTheFollow(t *testing.T) {
	t.Parallel()
	log, conn := openLog(t, jetstream.Config{Partitions: 1, LostAfter: 3 * time.Second})
	revision := mustAppend(t, log, core.Revision{}, happened(thing("a"), "c1"))
	following := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- log.Follow(t.Context(), core.Position{}, 1, func(context.Context, port.Batch) error {
			following <- struct{}{}
			return nil
		})
	}()
	<-following
	js, _ := njs.New(conn)
	stream, err := js.Stream(t.Context(), "ORX_EVENTS_0")
	if err != nil {
		t.Fatal(err)
	}
	for name := range stream.ConsumerNames(t.Context()).Name() {
		if _, err := stream.PauseConsumer(t.Context(), name, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	mustAppend(t, log, revision, happened(thing("a"), "c2"))
	if err := <-ended; !errors.Is(err, port.ErrUnavailable) || !strings.Contains(err.Error(), "the log continues to 2") {
		t.Errorf("the follower ended with %v", err)
	}
}

// followGoroutines counts the goroutines of this package and of the client's consumers.
func followGoroutines() int {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	count := 0
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, "shared/jetstream.(") || strings.Contains(stack, "nats.go/jetstream.") {
			count++
		}
	}
	return count
}

func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timeout: no %s", what)
		}
	}
}
