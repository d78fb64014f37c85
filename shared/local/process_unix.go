//go:build unix

package local

import (
	"errors"
	"path/filepath"
	"syscall"
)

// stopSignal is Postgres's fast shutdown, which ends with a checkpoint, or the immediate one, which does not.
func stopSignal(immediate bool) syscall.Signal {
	if immediate {
		return syscall.SIGQUIT
	}
	return syscall.SIGINT
}

func (c *cluster) signalStop(pid int, immediate bool) error {
	err := syscall.Kill(pid, stopSignal(immediate))
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

func isAlive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

func programPath(bin, name string) string { return filepath.Join(bin, name) }
