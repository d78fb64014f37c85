package async_test

import (
	"context"
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
