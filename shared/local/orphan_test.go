package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// runOrphan starts the server of a cluster as on a system without parent-death signals.
func runOrphan(dir string) error {
	c, err := openCluster(PostgresOptions{Dir: dir})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), postgresStartTimeout)
	defer cancel()
	if err := c.findPrograms(ctx, systemFinder()); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	cmd := c.command("postgres", c.serverArgs(port)...)
	withoutDeathSignal(cmd)
	proc, err := startProcess(cmd)
	if err != nil {
		return err
	}
	if err := c.awaitReady(ctx, proc); err != nil {
		return err
	}
	fmt.Println(proc.pid())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func TestOrphanedPostgresIsReplaced(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), "postgres")
	first := startPG(t, PostgresOptions{Dir: dir})
	sql(t, first.URL(), createKept)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	helper, line := startHelper(t, "orphan", dir)
	orphan, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	killHelper(t, helper)
	if !isPostmaster(orphan, filepath.Join(dir, dataName)) {
		t.Fatal("the server did not survive its parent: there is no orphan to test with")
	}

	second := startPG(t, PostgresOptions{Dir: dir})
	if got := sql(t, second.URL(), readKept); got != "yes" {
		t.Errorf("after the orphan: %q, want yes", got)
	}
	if isPostmaster(orphan, filepath.Join(dir, dataName)) {
		t.Error("the orphan still runs")
	}
}

// A server whose parent was killed may still write a checkpoint, or run on where there is no parent-death signal.
func TestRemoveStopsAnOrphan(t *testing.T) {
	t.Parallel()
	temp, err := NewTempDir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(temp.Path(), "data", "postgres")
	first := startPG(t, PostgresOptions{Dir: dir})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	helper, _ := startHelper(t, "orphan", dir)
	killHelper(t, helper)
	file, err := os.ReadFile(filepath.Join(dir, dataName, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strings.Split(string(file), "\n")[3])
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatalf("the server did not survive its parent: there is no orphan to test with: %v", err)
	}
	conn.Close()

	if err := temp.Remove(); err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("the orphan still runs")
	}
	if _, err := os.Stat(temp.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}

func TestPostgresStartsAfterItsParentWasKilled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), "postgres")
	helper, url := startHelper(t, "postgres", dir)
	sql(t, url, createKept)
	killHelper(t, helper)

	p := startPG(t, PostgresOptions{Dir: dir})
	if got := sql(t, p.URL(), readKept); got != "yes" {
		t.Errorf("after the kill: %q, want yes", got)
	}
}

// After a crash of the machine, another program of the same user may have the process id in postmaster.pid.
func TestAnotherProgramWithTheProcessIDIsNotStopped(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), "postgres")
	first := startPG(t, PostgresOptions{Dir: dir, Fast: true})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	other := exec.Command("sleep", "600")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	})
	pidFile := filepath.Join(dir, dataName, "postmaster.pid")
	if err := os.WriteFile(pidFile, []byte(strconv.Itoa(other.Process.Pid)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	startPG(t, PostgresOptions{Dir: dir, Fast: true})
	if !isAlive(other.Process.Pid) {
		t.Error("the other program was stopped")
	}
}

func TestSweepRemovesAbandonedDirectories(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	old := time.Now().Add(-2 * abandonedAfter)
	paths := map[string]string{}
	for _, name := range []string{"abandoned", "held", "new"} {
		path := filepath.Join(base, tempPattern+name)
		lock, err := LockDir(path)
		if err != nil {
			t.Fatal(err)
		}
		if name == "held" {
			t.Cleanup(func() { _ = lock.Unlock() })
		} else if err := lock.Unlock(); err != nil {
			t.Fatal(err)
		}
		if name != "new" {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
		paths[name] = path
	}

	sweep(t.Context(), base)
	for name, path := range paths {
		_, err := os.Stat(path)
		if gone := errors.Is(err, os.ErrNotExist); gone != (name == "abandoned") {
			t.Errorf("%s: gone is %v", name, gone)
		}
	}
}
