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

// askToStop goes through pg_ctl, because Postgres takes its signals through a named pipe here.
func (c *cluster) askToStop(_ int, abrupt bool) error {
	mode := "fast"
	if abrupt {
		mode = "immediate"
	}
	return exec.Command(programPath(c.bin, "pg_ctl"), "stop", "--no-wait", "-D", c.dataPath(), "-m", mode).Run()
}

// isPostmaster trusts postmaster.pid for which directory the process serves.
func isPostmaster(pid int, _ string) bool { return isAlive(pid) }

func isAlive(pid int) bool {
	p, err := os.FindProcess(pid) // fails here where there is no such process
	if err != nil {
		return false
	}
	_ = p.Release()
	return true
}

func programPath(bin, name string) string { return filepath.Join(bin, name+".exe") }
