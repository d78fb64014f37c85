package local

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// setProcess makes the child run as the account, in its own process group, and stop when this process is killed.
func setProcess(cmd *exec.Cmd, a *account, immediate bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: stopSignal(immediate), Credential: a.credential()}
}

// isPostmaster reports whether the process is a Postgres server of the data directory: that is its working
// directory.
func isPostmaster(pid int, dataDir string) bool {
	cwd, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/cwd")
	if err != nil {
		return false
	}
	data, err := os.Stat(dataDir)
	return err == nil && os.SameFile(cwd, data)
}
