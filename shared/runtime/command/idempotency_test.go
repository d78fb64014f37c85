package command_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
)

// After the server's duplicate window, restarts of the services and more commands, a repeated command still gets its first
// result.
func TestIdempotencyOutlivesTheDuplicateWindow(t *testing.T) {
	t.Parallel()
	const window = 100 * time.Millisecond
	quiet := slog.New(slog.DiscardHandler)
	connection, err := jetstream.Connect(t.Context(), localtest.NATS(t).URL(), "test", quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	log, err := jetstream.Open(t.Context(), connection, jetstream.Config{Partitions: 1, DuplicateWindow: window, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	snapshots := memory.NewSnapshots()
	x := runtimetest.NewExecutor(t, log, snapshots, command.Config{SnapshotEvery: 4})
	first, err := x.Execute(t.Context(), runtimetest.AddCommand("a", "c1", 5))
	if err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		runtimetest.MustExecute(t, x, runtimetest.AddCommand("a", fmt.Sprint("more-", n), 1))
	}
	// Once the server has forgotten the command, it would store its message a second time.
	message := &nats.Msg{Subject: "probe", Header: nats.Header{natsjs.MsgIDHeader: {"probe"}}}
	stream, err := natsjs.New(connection)
	if err == nil {
		_, err = stream.CreateStream(t.Context(), natsjs.StreamConfig{Name: "PROBE", Subjects: []string{"probe"}, Duplicates: window})
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.PublishMsg(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	runtimetest.Eventually(t, "the server forgets", func() error {
		ack, err := stream.PublishMsg(t.Context(), message)
		if err == nil && ack.Duplicate {
			err = errors.New("the server still has the id")
		}
		return err
	})
	for name, x := range map[string]*command.Executor{
		"the same service": x, "a restarted one": runtimetest.NewExecutor(t, log, snapshots, command.Config{}), "one without snapshots": runtimetest.NewExecutor(t, log, nil, command.Config{}),
	} {
		again, err := x.Execute(t.Context(), runtimetest.AddCommand("a", "c1", 5))
		if err != nil || !again.Repeated || again.Version != first.Version || again.Position != first.Position {
			t.Errorf("%s answered %+v, %v; first it was %+v", name, again, err, first)
		}
		if _, err := x.Execute(t.Context(), runtimetest.AddCommand("a", "c1", 6)); !errors.Is(err, runtime.ErrCommandReused) {
			t.Errorf("%s took the id with another body: %v", name, err)
		}
	}
}

// Two services get the same command concurrently, many times: it takes effect once, and both return the same result.
func TestTwoServicesRaceWithOneCommand(t *testing.T) {
	t.Parallel()
	runtimetest.OnStacks(t, func(t *testing.T, s runtimetest.Stack) {
		services := []*command.Executor{
			runtimetest.NewExecutor(t, s.Log, nil, command.Config{}), runtimetest.NewExecutor(t, s.Log, nil, command.Config{}),
		}
		const rounds, each = 30, 3
		for round := range rounds {
			results := make([]runtime.Result, len(services)*each)
			var racing sync.WaitGroup
			for i := range results {
				racing.Go(func() {
					var err error
					results[i], err = services[i%len(services)].Execute(context.WithoutCancel(t.Context()), runtimetest.AddCommand("raced", fmt.Sprint("c", round), 1))
					if err != nil {
						t.Errorf("Execute: %v", err)
					}
				})
			}
			racing.Wait()
			firsts := 0
			for _, r := range results {
				if r.Version != core.Version(round+1) || r.Position != results[0].Position {
					t.Errorf("round %d: one answer is %+v, another %+v", round, r, results[0])
				}
				if !r.Repeated {
					firsts++
				}
			}
			if firsts == 0 {
				t.Errorf("round %d: no service reports the first execution", round)
			}
		}
		if last, err := s.Log.Last(t.Context(), runtimetest.CounterStream("raced")); err != nil || last.Version != rounds {
			t.Errorf("the stream ends at %d, %v", last.Version, err)
		}
	})
}
