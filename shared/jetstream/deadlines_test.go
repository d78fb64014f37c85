package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nats-io/nats.go"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/port/porttest"
)

func openDeadlines(t testing.TB, conn *nats.Conn) *jetstream.Deadlines {
	t.Helper()
	deadlines, err := jetstream.OpenDeadlines(t.Context(), openBus(t, conn, jetstream.BusConfig{}))
	if err != nil {
		t.Fatal(err)
	}
	return deadlines
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	porttest.Deadlines(t, func(t testing.TB) port.Deadlines {
		return openDeadlines(t, connect(t, localtest.NATS(t).URL()))
	})
}

// awaker handles deadlines, each with one effect: a commit of its own in the log.
type awaker struct {
	t *testing.T

	mu      sync.Mutex
	handled map[string]int
	latest  time.Duration // by which one was late
	news    chan struct{} // one is handled
}

// work handles deadlines until the test ends.
func (a *awaker) work(log *jetstream.Log, deadlines *jetstream.Deadlines) {
	ctx, stop := context.WithCancel(context.WithoutCancel(a.t.Context()))
	ended := make(chan error, 1)
	go func() {
		ended <- deadlines.Due(ctx, port.Subscription{Group: "process", AckWait: 5 * time.Second}, func(ctx context.Context, d port.Deadline) error {
			now := time.Now()
			if _, err := log.Append(ctx, core.Revision{}, happened(thing(d.ID), d.ID)); err != nil {
				return err
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.handled[d.ID]++; a.handled[d.ID] == 1 {
				a.latest = max(a.latest, now.Sub(d.At))
			}
			if now.Before(d.At) {
				a.t.Errorf("%s is %s early", d.ID, d.At.Sub(now))
			}
			select {
			case a.news <- struct{}{}:
			default:
			}
			return nil
		})
	}()
	a.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			a.t.Errorf("Due: %v", err)
		}
	})
}

// await waits until so many different deadlines are handled.
func (a *awaker) await(count int) {
	a.t.Helper()
	patience := time.After(2 * time.Minute)
	for {
		a.mu.Lock()
		handled := len(a.handled)
		a.mu.Unlock()
		if handled >= count {
			return
		}
		select {
		case <-a.news:
		case <-patience:
			a.t.Fatalf("%d of %d deadlines are handled", handled, count)
		}
	}
}

func soon(id string, in time.Duration) port.Deadline {
	return port.Deadline{Of: thing("i-" + id), Name: "d", ID: id, At: time.Now().UTC().Add(in)}
}

// A thousand deadlines are set for the next 5 s; half of them are cancelled first, NATS is restarted in between, and each
// of the others has one effect.
func TestDeadlinesThroughARestart(t *testing.T) {
	t.Parallel()
	const count = 1000
	server := startServer(t)
	a := &awaker{t: t, handled: map[string]int{}, news: make(chan struct{}, 1)}
	var log *jetstream.Log
	var deadlines *jetstream.Deadlines
	for range 2 {
		conn := connect(t, server.server.URL())
		log, deadlines = openOn(t, conn, jetstream.Config{}), openDeadlines(t, conn)
		a.work(log, deadlines)
	}
	var mu sync.Mutex
	inTime := map[string]bool{} // cancelled before they could fire
	var setting errgroup.Group
	setting.SetLimit(16)
	for i := range count {
		setting.Go(func() error {
			d := soon(fmt.Sprint("d", i), time.Second+time.Duration(i%500)*8*time.Millisecond)
			if err := deadlines.SetDeadline(t.Context(), d); err != nil || i < count/2 {
				return err
			}
			err := deadlines.CancelDeadline(t.Context(), d.Of, d.Name)
			mu.Lock()
			defer mu.Unlock()
			inTime[d.ID] = time.Now().Before(d.At)
			return err
		})
	}
	if err := setting.Wait(); err != nil {
		t.Fatal(err)
	}
	a.await(count / 5)
	server.stop(t)
	server.start(t)
	a.await(count / 2)
	if err := untilAvailable(t.Context(), func(ctx context.Context) error { return deadlines.SetDeadline(ctx, soon("last", 0)) }); err != nil {
		t.Fatal(err)
	}
	for pending := -1; pending != 0; { // those that were cancelled too late fire, too, before the end
		left, err := deadlines.PendingDeadlines(t.Context(), port.DeadlineQuery{})
		if pending = len(left); err != nil && !errors.Is(err, port.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	a.await(count/2 + 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	twice := 0
	for id, times := range a.handled {
		if inTime[id] {
			t.Errorf("%s was cancelled, and fired", id)
		}
		if times > 1 {
			twice++
		}
	}
	for i := range count / 2 {
		id := fmt.Sprint("d", i)
		if last, err := log.Last(t.Context(), thing(id)); err != nil || last.Version != 1 {
			t.Errorf("%s has version %d, %v: handled %d times", id, last.Version, err, a.handled[id])
		}
	}
	t.Logf("%d fired, the last %s after its time; %d were delivered again after the restart", len(a.handled), a.latest, twice)
}

// Deadlines that are due while NATS is down fire after its start; those that were replaced or cancelled before do not.
func TestDeadlinesFireAfterAnOutage(t *testing.T) {
	t.Parallel()
	in := time.Second
	for !fireLate(t, in) { // this machine is too slow to replace them before they fire
		if in *= 2; in > time.Minute {
			t.Fatalf("deadlines were not replaced within %s", in/2)
		}
	}
}

// fireLate stops NATS before deadlines are due, and starts it afterwards. It returns false if they were due too early.
func fireLate(t *testing.T, in time.Duration) bool {
	t.Helper()
	server := startServer(t)
	conn := connect(t, server.server.URL())
	log, deadlines := openOn(t, conn, jetstream.Config{}), openDeadlines(t, conn)
	replaced, cancelled, late := soon("replaced", in), soon("cancelled", in), soon("late", in+in/2)
	replacement := replaced
	replacement.ID, replacement.At = "replacement", replaced.At.Add(in)
	for _, d := range []port.Deadline{replaced, cancelled, late, replacement} {
		if err := deadlines.SetDeadline(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if err := deadlines.CancelDeadline(t.Context(), cancelled.Of, cancelled.Name); err != nil {
		t.Fatal(err)
	}
	if time.Now().After(replaced.At) {
		return false
	}
	server.stop(t)
	time.Sleep(time.Until(replacement.At))
	server.start(t)
	a := &awaker{t: t, handled: map[string]int{}, news: make(chan struct{}, 1)}
	a.work(log, deadlines)
	a.await(2)
	if a.handled["late"] == 0 || a.handled["replacement"] == 0 || len(a.handled) != 2 {
		t.Errorf("handled: %v", a.handled)
	}
	return true
}
