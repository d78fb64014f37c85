package main

import (
	"os"

	"github.com/prometheus/procfs"
)

// cpu is the processor time that the process has used, in seconds.
func (p *process) cpu() (float64, bool) {
	stat, ok := statOf(p.pid)
	if !ok {
		return 0, false
	}
	used := stat.CPUTime()
	if p.children {
		// Those that have ended count with their parent.
		const ticks = 100
		used += float64(stat.CUTime+stat.CSTime) / ticks
		for _, child := range childrenOf(p.pid) {
			used += child.CPUTime()
		}
	}
	return used, true
}

// peakMemory is the most that the process had in memory, in MiB.
func (p *process) peakMemory() (float64, bool) {
	proc, err := procfs.NewProc(p.pid)
	if err != nil || p.children { // their memory is shared: a sum would say nothing
		return 0, false
	}
	status, err := proc.NewStatus()
	if err != nil {
		return 0, false
	}
	return mebibytes(status.VmHWM), true
}

// memory is what the process has in memory now, in MiB.
func (p *process) memory() (float64, bool) {
	stat, ok := statOf(p.pid)
	return mebibytes(uint64(stat.ResidentMemory())), ok
}

func mebibytes(bytes uint64) float64 { return float64(bytes) / (1 << 20) }

func ownCPU() (float64, bool) {
	stat, ok := statOf(os.Getpid())
	return stat.CPUTime(), ok
}

func statOf(pid int) (procfs.ProcStat, bool) {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return procfs.ProcStat{}, false
	}
	stat, err := proc.Stat()
	return stat, err == nil
}

func childrenOf(pid int) (children []procfs.ProcStat) {
	all, err := procfs.AllProcs()
	if err != nil {
		return nil
	}
	for _, proc := range all {
		if stat, err := proc.Stat(); err == nil && stat.PPID == pid {
			children = append(children, stat)
		}
	}
	return children
}
