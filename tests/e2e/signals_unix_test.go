//go:build unix

package e2e

import "syscall"

// Signals that suspend a process and resume it.
const (
	sigStop     = syscall.SIGSTOP
	sigContinue = syscall.SIGCONT
)
