//go:build unix

package local

import (
	"errors"
	"path/filepath"
	"syscall"
)

// stopSignal is Postgres's fast shutdown, which ends with a checkpoint, or the immediate one, which does not.
func stopSignal(abrupt bool) syscall.Signal {
	if abrupt {
		return syscall.SIGQUIT
	}
	return syscall.SIGINT
}

func (c *cluster) askToStop(pid int, abrupt bool) error {
	err := syscall.Kill(pid, stopSignal(abrupt))
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
