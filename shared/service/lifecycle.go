package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Part is a part of a service that runs until its context ends. Run then finishes the work in flight and returns nil. An error,
// or a return before the end of the context, stops the whole service.
type Part struct {
	Name string
	Run  func(ctx context.Context) error
}

// ErrDrainTimeout means that a part did not stop within the shutdown timeout.
var ErrDrainTimeout = errors.New("did not stop in time")

// Run runs the parts until ctx ends or one of them returns, and then stops them in reverse order: it
// cancels the last part and waits for it, then the one before it. drain bounds the total time. Run returns the errors of all
// parts, joined.
func Run(ctx context.Context, drain time.Duration, logger *slog.Logger, parts ...Part) error {
	running := make([]*runningPart, len(parts))
	ended := make(chan *runningPart, len(parts))
	for i, p := range parts {
		running[i] = start(ctx, p, ended)
	}
	var errs []error
	select {
	case <-ctx.Done():
	case p := <-ended:
		errs = append(errs, p.earlyEnd())
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	for i := len(running) - 1; i >= 0; i-- {
		logger.DebugContext(ctx, "stopping", "part", running[i].Name)
		errs = append(errs, running[i].stop(deadline))
	}
	return errors.Join(errs...)
}

// runningPart is a started part. Only stop ends its context, so that a part stops after those that were started later and
// may use it.
type runningPart struct {
	Part
	cancel context.CancelFunc
	done   chan struct{}
	err    error // valid once done is closed
}

func start(ctx context.Context, p Part, ended chan<- *runningPart) *runningPart {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &runningPart{Part: p, cancel: cancel, done: make(chan struct{})}
	go func() {
		r.err = p.Run(ctx)
		close(r.done)
		ended <- r
	}()
	return r
}

func (r *runningPart) earlyEnd() error {
	if r.err == nil {
		return fmt.Errorf("%s ended unexpectedly", r.Name)
	}
	return nil // stop reports it
}

func (r *runningPart) stop(deadline context.Context) error {
	r.cancel()
	select {
	case <-r.done:
	case <-deadline.Done():
		return fmt.Errorf("%s %w", r.Name, ErrDrainTimeout)
	}
	if r.err != nil && !errors.Is(r.err, context.Canceled) {
		return fmt.Errorf("%s: %w", r.Name, r.err)
	}
	return nil
}
