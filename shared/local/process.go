package local

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"time"
)

// process is a running child. done is closed when it has ended and been waited for.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; read it after done
}

// startProcess starts cmd from an operating system thread that lives until the child ends. On Linux the child's
// parent-death signal is bound to that thread, not to the process: a thread that the Go runtime retires would
// take the child with it.
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

// runProcess runs cmd to its end, or kills it when the context ends.
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

func (p *process) outcome() string {
	if p.err == nil {
		return "exit status 0"
	}
	return p.err.Error()
}
