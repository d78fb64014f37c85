//go:build unix

package e2e

import (
	"os"
	"syscall"
)

// suspend freezes a process until resume is called.
func suspend(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

// quit makes Postgres stop without a checkpoint.
func quit(pid int) error { return syscall.Kill(pid, syscall.SIGQUIT) }

func isRunning(pid int) bool { return syscall.Kill(pid, 0) == nil }
