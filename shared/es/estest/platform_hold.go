package estest

import (
	"context"
	"fmt"
	"sync"

	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/async"
)

// Hold makes the commands that processes send to a category wait on the bus, as in an outage, until [Running.Release]. Deadlines
// that are set for their results fire meanwhile:
//
//	p.Hold("payment")
//	p.Send("10248", placed)
//	p.Pass(30 * time.Second) // the saga gives up
//	p.Release("payment")     // the command is late
//
// The commands of [Running.Send] do not wait. Commands to more than 60 held aggregates keep the others from being executed, which
// ends the test.
func (p *Running) Hold(category string) {
	p.t.Helper()
	if _, ok := p.registry.Aggregate(category); !ok {
		p.t.Fatalf("no module has the category %q", category)
	}
	p.must("hold commands", func(context.Context) error {
		p.held.hold(category)
		return nil
	})
}

// Release delivers the commands that [Running.Hold] has held.
func (p *Running) Release(category string) {
	p.t.Helper()
	p.must("release commands", func(context.Context) error {
		if !p.held.release(category) {
			return fmt.Errorf("those of %q are not held", category)
		}
		return nil
	})
}

// held holds back the commands of some categories. The zero value holds none.
type held struct {
	mu       sync.Mutex
	released map[string]chan struct{} // by category; closed by release
}

func (h *held) hold(category string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.released == nil {
		h.released = map[string]chan struct{}{}
	}
	if h.released[category] == nil {
		h.released[category] = make(chan struct{})
	}
}

// release reports whether the category was held.
func (h *held) release(category string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	released, ok := h.released[category]
	if ok {
		close(released)
		delete(h.released, category)
	}
	return ok
}

// releaseOf returns the channel that is closed when the category is released; nil if it is not held.
func (h *held) releaseOf(category string) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.released[category]
}

// holdingExecutor executes the commands that are not held.
type holdingExecutor struct {
	async.Executor
	held    *held
	stopped <-chan struct{} // the commands in flight remain on the bus
}

// Execute implements [async.Executor].
func (x holdingExecutor) Execute(ctx context.Context, c runtime.Command) (runtime.Result, error) {
	if released := x.held.releaseOf(c.Stream.Category); released != nil {
		select {
		case <-released:
		case <-x.stopped:
			return runtime.Result{}, fmt.Errorf("%w: the commands of %s are held", port.ErrUnavailable, c.Stream.Category)
		}
	}
	return x.Executor.Execute(ctx, c)
}
