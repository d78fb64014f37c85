//go:build unix && !linux

package local

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// setProcess makes the child run as the account and in its own process group. These systems have no parent-death signal: the
// next start stops an orphan.
func setProcess(cmd *exec.Cmd, a *account, _ bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: a.credential()}
}

// isPostmaster reports whether the process is a Postgres server of the data directory, by its command line.
func isPostmaster(pid int, dataDir string) bool {
	out, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	line := string(out)
	return err == nil && strings.Contains(line, "postgres") && strings.Contains(line, dataDir)
}
