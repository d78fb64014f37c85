package e2e

import "syscall"

// Windows cannot suspend a process with a signal: sending one of these fails.
const (
	sigStop     = syscall.Signal(-1)
	sigContinue = syscall.Signal(-2)
)
