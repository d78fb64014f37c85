package async_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"

	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/async"
)

// Above the limit, new commands of clients are rejected; commands that arrive over the bus wait above a quarter more; a
// registered command is executed in any case.
func TestTheSizeOfStatusesIsLimited(t *testing.T) {
	t.Parallel()
	const most = 1000
	for _, c := range []struct {
		used                 uint64
		forClients, onTheBus bool
	}{
		{most - 1, true, true}, {most, false, true}, {most + most/4 - 1, false, true}, {most + most/4, false, false},
	} {
		s := newWorkerStack(t)
		known := runtime.AsyncMessage{Command: runtimetest.AddCommand("a", "known", 1)}
		if _, err := s.submitter.Submit(t.Context(), known); err != nil {
			t.Fatal(err)
		}
		asked := 0
		s.statuses.LimitTo(most, func(context.Context) (uint64, error) { asked++; return c.used, nil })
		_, err := s.submitter.Submit(t.Context(), runtime.AsyncMessage{Command: runtimetest.AddCommand("a", "new", 1)})
		if c.forClients != (err == nil) || !c.forClients && !errors.Is(err, runtime.ErrStatusesFull) {
			t.Errorf("with %d bytes, a new command: %v", c.used, err)
		}
		if status, err := s.submitter.Submit(t.Context(), known); err != nil || status.State != runtime.Pending {
			t.Errorf("with %d bytes, a known command: %+v, %v", c.used, status, err)
		}
		q := s.worker(s.executor())
		if err := q.Handle(t.Context(), s.delivery(known, 1)); err != nil {
			t.Errorf("with %d bytes, deciding a known command: %v", c.used, err)
		}
		s.want("known", runtime.Accepted, 1, "")
		err = q.Handle(t.Context(), s.delivery(runtime.AsyncMessage{Command: runtimetest.AddCommand("a", "bus", 1)}, 99))
		if c.onTheBus != (err == nil) || !c.onTheBus && (!errors.Is(err, runtime.ErrStatusesFull) || port.IsTerminated(err)) {
			t.Errorf("with %d bytes, a command over the bus: %v", c.used, err)
		}
		if asked != 1 {
			t.Errorf("the size was asked for %d times within a second", asked)
		}
	}
	s := newWorkerStack(t)
	s.statuses.LimitTo(most, func(context.Context) (uint64, error) { return 0, port.ErrUnavailable })
	if _, err := s.submitter.Submit(t.Context(), runtime.AsyncMessage{Command: runtimetest.AddCommand("a", "new", 1)}); !errors.Is(err, port.ErrUnavailable) {
		t.Errorf("without a size: %v", err)
	}
}

// timed records how long each value is to be kept.
type timed struct {
	port.KeyValue
	kept map[string]time.Duration // by state of the status
}

func (k timed) Update(ctx context.Context, key string, value []byte, expected uint64, ttl time.Duration) (uint64, error) {
	var record struct{ Outcome runtime.AsyncStatus }
	if err := json.Unmarshal(value, &record); err != nil {
		return 0, err
	}
	k.kept[string(record.Outcome.State)] = ttl
	return k.KeyValue.Update(ctx, key, value, expected, ttl)
}

// One client must not fill the store for all: above half of the limit, results are stored for a minute; pending commands never
// lose their status.
func TestResultsExpireSoonInAStoreThatFills(t *testing.T) {
	t.Parallel()
	for used, want := range map[uint64]time.Duration{0: 26 * time.Hour, 499: 26 * time.Hour, 500: time.Minute, 999: time.Minute} {
		s := newWorkerStack(t)
		values := timed{s.values, map[string]time.Duration{}}
		s.statuses = async.NewStatusStore(values).LimitTo(1000, func(context.Context) (uint64, error) { return used, nil })
		s.submitter = async.NewSubmitter(s.bus, s.statuses)
		m := runtime.AsyncMessage{Command: runtimetest.AddCommand("a", "one", 1)}
		if _, err := s.submitter.Submit(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if err := s.worker(s.executor()).Handle(t.Context(), s.delivery(m, 1)); err != nil {
			t.Fatal(err)
		}
		if values.kept["pending"] != 26*time.Hour || values.kept["accepted"] != want {
			t.Errorf("with %d of 1000 bytes: %v, want %v for a result", used, values.kept, want)
		}
	}
}

// read signals each read of a value.
type read struct {
	port.KeyValue
	done chan struct{}
}

func (r read) Get(ctx context.Context, key string) (port.KVEntry, error) {
	defer func() { r.done <- struct{}{} }()
	return r.KeyValue.Get(ctx, key)
}

// A caller that waits for another caller's measurement returns when its own context ends.
func TestAWaitForTheSizeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newWorkerStack(t)
	known := make(chan struct{})
	asked, answer := make(chan struct{}), make(chan struct{})
	submitter := async.NewSubmitter(s.bus, async.NewStatusStore(read{s.values, known}).LimitTo(1000, func(context.Context) (uint64, error) {
		close(asked)
		<-answer
		return 1, nil
	}))
	submit := func(ctx context.Context, id string) <-chan error {
		done := make(chan error, 1)
		go func() {
			_, err := submitter.Submit(ctx, runtime.AsyncMessage{Command: runtimetest.AddCommand("a", id, 1)})
			done <- err
		}()
		return done
	}
	first := submit(t.Context(), "first")
	<-known
	<-asked
	impatient, leave := context.WithCancel(t.Context())
	second, third := submit(impatient, "second"), submit(t.Context(), "third")
	<-known
	<-known
	leave()
	select {
	case err := <-second:
		if !errors.Is(err, port.ErrUnavailable) {
			t.Errorf("the cancelled caller got %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("the cancelled caller still waits")
	}
	close(answer)
	if err := errors.Join(<-first, <-third); err != nil { // the third uses the measurement of the first
		t.Error(err)
	}
}
