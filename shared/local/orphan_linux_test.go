package local

import "os/exec"

func withoutDeathSignal(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = 0 }
