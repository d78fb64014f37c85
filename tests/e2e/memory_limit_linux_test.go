package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// memoryGroup is a control group that limits the memory of one process.
type memoryGroup struct {
	t       testing.TB
	dir     string
	version int // of control groups
}

// newMemoryGroup makes a group below that of this test, or skips the test where that is not possible.
func newMemoryGroup(t testing.TB, name string, limit int) *memoryGroup {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can limit the memory of a process with a control group")
	}
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skipf("there are no control groups here: %v", err)
	}
	g := &memoryGroup{t: t}
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) == 3 && parts[1] == "memory":
			g.dir, g.version = filepath.Join("/sys/fs/cgroup/memory", parts[2]), 1
		case len(parts) == 3 && parts[1] == "" && g.version == 0:
			g.dir, g.version = filepath.Join("/sys/fs/cgroup", parts[2]), 2
		}
	}
	g.dir = filepath.Join(g.dir, fmt.Sprintf("orchestrix-test-%d-%s", os.Getpid(), name))
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		t.Skipf("no control group can be made here: %v", err)
	}
	t.Cleanup(func() { _ = os.Remove(g.dir) })
	if err := os.WriteFile(filepath.Join(g.dir, g.file("memory.limit_in_bytes", "memory.max")), []byte(strconv.Itoa(limit)), 0o600); err != nil {
		t.Skipf("the memory of a control group can't be limited here: %v", err)
	}
	return g
}

func (g *memoryGroup) file(first, second string) string {
	if g.version == 1 {
		return first
	}
	return second
}

// add moves a process into the group.
func (g *memoryGroup) add(p *program) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, "cgroup.procs"), []byte(strconv.Itoa(p.cmd.Process.Pid)), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// peak is the most memory that the group has used, in bytes.
func (g *memoryGroup) peak() int {
	g.t.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, g.file("memory.max_usage_in_bytes", "memory.peak")))
	if err != nil {
		g.t.Fatal(err)
	}
	peak, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		g.t.Fatal(err)
	}
	return peak
}
