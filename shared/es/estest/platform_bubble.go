package estest

import (
	"errors"
	"fmt"
	"runtime/debug"
	"testing"
	"testing/synctest"
)

// bubble runs functions in a bubble of testing/synctest, whose time passes only while all its goroutines wait for time. Between
// two functions, one goroutine waits for a channel from outside of the bubble, so that no time passes.
type bubble struct {
	calls chan func()
	ended chan struct{}
}

func newBubble(t *testing.T) *bubble {
	b := &bubble{calls: make(chan func()), ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		synctest.Test(t, func(*testing.T) {
			for call := range b.calls {
				call()
			}
		})
	}()
	return b
}

var errBubbleEnded = errors.New("the platform has ended with its test")

// run runs a function in the bubble, and returns its error or panic.
func (b *bubble) run(do func() error) error {
	done := make(chan error, 1)
	call := func() {
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("panic: %v\n%s", r, debug.Stack())
			}
		}()
		done <- do()
	}
	select {
	case b.calls <- call:
	case <-b.ended:
		return errBubbleEnded
	}
	select {
	case err := <-done:
		return err
	case <-b.ended: // the function has ended its goroutine
		return errBubbleEnded
	}
}

// end waits for the end of the bubble's goroutines, which have to have been stopped.
func (b *bubble) end() {
	close(b.calls)
	<-b.ended
}
