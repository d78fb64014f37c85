package local

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestLockIsHeldAgainstAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	cmd, _ := startHelper(t, "lock", dir)

	_, err := LockDir(dir)
	if !errors.Is(err, ErrLocked) {
		t.Fatalf("LockDir of a locked directory: %v, want ErrLocked", err)
	}
	for _, want := range []string{"process " + strconv.Itoa(cmd.Process.Pid), dir, "--" + FlagDataDir} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}

	killHelper(t, cmd)
	lock, err := LockDir(dir)
	if err != nil {
		t.Fatalf("LockDir after its holder was killed: %v", err)
	}
	for range 2 {
		if err := lock.Unlock(); err != nil {
			t.Errorf("Unlock: %v", err)
		}
	}
}

func TestLockIsHeldWithinTheProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LockDir(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("second LockDir: %v, want ErrLocked", err)
	}
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := LockDir(dir)
	if err != nil {
		t.Fatalf("LockDir after Unlock: %v", err)
	}
	_ = again.Unlock()
}
