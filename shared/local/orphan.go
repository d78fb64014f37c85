package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"orchestrix/shared/retry"
)

// postmaster is what a server says about itself in postmaster.pid.
type postmaster struct {
	pid   int
	ready bool
}

// readPostmaster returns the zero value where there is no such file, or where the server has not finished it.
func (c *cluster) readPostmaster() postmaster {
	text, err := os.ReadFile(c.postmasterPath())
	if err != nil {
		return postmaster{}
	}
	lines := strings.Split(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		return postmaster{}
	}
	const statusLine = 7 // since Postgres 10
	return postmaster{pid: pid, ready: len(lines) > statusLine && strings.TrimSpace(lines[statusLine]) == "ready"}
}

func (c *cluster) postmasterPath() string { return filepath.Join(c.dataPath(), "postmaster.pid") }

// stopOrphan stops a server that a killed process left behind on this cluster. We hold the directory's lock, so
// nobody uses it. A postmaster.pid whose number meanwhile belongs to another program is removed: Postgres would
// take that program for a server and refuse to start.
func (c *cluster) stopOrphan(ctx context.Context) error {
	pid := c.readPostmaster().pid
	if pid <= 0 || !isAlive(pid) {
		return nil
	}
	if !isPostmaster(pid, c.dataPath()) {
		if err := os.Remove(c.postmasterPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove a stale postmaster.pid: %w", err)
		}
		return nil
	}
	c.log.Warn("stopping the Postgres that an earlier run left behind", "pid", pid, "dir", c.dir)
	for _, abrupt := range []bool{false, true} {
		if err := c.askToStop(pid, abrupt); err != nil {
			return fmt.Errorf("stop the Postgres that an earlier run left behind (process %d): %w", pid, err)
		}
		gone, err := c.awaitGone(ctx, pid)
		if gone || err != nil {
			return err
		}
	}
	return fmt.Errorf("process %d, a Postgres that an earlier run left behind, does not stop: end it by hand", pid)
}

// awaitGone asks isPostmaster as well: where nobody reaps orphans, as in some containers, a dead one keeps its number.
func (c *cluster) awaitGone(ctx context.Context, pid int) (bool, error) {
	for deadline := time.Now().Add(stopTimeout / 2); isAlive(pid) && isPostmaster(pid, c.dataPath()); {
		if time.Now().After(deadline) {
			return false, nil
		}
		if !retry.Sleep(ctx, readinessPoll) {
			return false, fmt.Errorf("wait for process %d to end: %w", pid, ctx.Err())
		}
	}
	return true, nil
}
