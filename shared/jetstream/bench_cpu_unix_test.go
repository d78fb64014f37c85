//go:build unix

package jetstream_test

import (
	"syscall"
	"time"
)

// cpu is the CPU time of this process, with the embedded server. Other load of the machine hardly changes it.
func cpu() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
