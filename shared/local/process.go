package local

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"time"
)

// process is a child process. done is closed after it has ended and was waited for.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait; valid once done is closed
}

// startProcess starts cmd from an operating system thread that lives until the child ends. On Linux the
// parent-death signal of the child is bound to that thread, not to the process: if the Go runtime ended the thread, the child
// would get the signal.
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer close(p.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		<-p.done
		return nil, err
	}
	return p, nil
}

// runProcess runs cmd until it ends, and kills it when ctx ends.
func runProcess(ctx context.Context, cmd *exec.Cmd) error {
	p, err := startProcess(cmd)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		err := p.kill()
		select {
		case <-p.done:
		case <-time.After(stopTimeout):
			err = errors.Join(err, fmt.Errorf("process %d does not end", p.pid()))
		}
		return errors.Join(ctx.Err(), err)
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) kill() error { return p.cmd.Process.Kill() }

// exitStatus describes how the process ended. It is valid once done is closed.
func (p *process) exitStatus() string {
	if p.err == nil {
		return "exit status 0"
	}
	return p.err.Error()
}
