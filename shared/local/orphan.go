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

	"github.com/orchestrix-go/orchestrix/shared/retry"
)

// postmaster is the content of postmaster.pid, which a server writes about itself.
type postmaster struct {
	pid   int
	ready bool
}

// readPostmaster returns the zero value where the file is missing or incomplete.
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

// stopOrphan stops a server of this cluster that survived its parent process. This process holds the lock of the directory,
// so no other one uses the server. It removes a postmaster.pid whose process id belongs to another program by now: Postgres
// would take that program for a server and not start.
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
	c.log.Warn("stopping the Postgres of an earlier run", "pid", pid, "dir", c.dir)
	for _, immediate := range []bool{false, true} {
		if err := c.signalStop(pid, immediate); err != nil {
			return fmt.Errorf("stop the Postgres of an earlier run (process %d): %w", pid, err)
		}
		gone, err := c.awaitGone(ctx, pid)
		if gone || err != nil {
			return err
		}
	}
	return fmt.Errorf("process %d, the Postgres of an earlier run, does not stop: kill it", pid)
}

// awaitGone checks isPostmaster too: in a container without an init process, a dead orphan stays as a zombie.
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
