package local

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"
)

// setProcess puts the child into its own process group, where Ctrl-C does not reach it.
func setProcess(cmd *exec.Cmd, _ *account, _ bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// signalStop runs pg_ctl, since Postgres gets its signals through a named pipe on Windows.
func (c *cluster) signalStop(_ int, immediate bool) error {
	mode := "fast"
	if immediate {
		mode = "immediate"
	}
	return exec.Command(programPath(c.bin, "pg_ctl"), "stop", "--no-wait", "-D", c.dataPath(), "-m", mode).Run()
}

// isPostmaster does not compare the data directory: it relies on postmaster.pid.
func isPostmaster(pid int, _ string) bool { return isAlive(pid) }

func isAlive(pid int) bool {
	p, err := os.FindProcess(pid) // on Windows it fails where the process does not exist
	if err != nil {
		return false
	}
	_ = p.Release()
	return true
}

func programPath(bin, name string) string { return filepath.Join(bin, name+".exe") }
