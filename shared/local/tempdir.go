package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	tempPattern = "orchestrix-tmp-"
	// abandonedAfter spares a directory that another process has made and not locked yet.
	abandonedAfter = time.Minute
)

// TempDir is a directory for servers whose data nobody needs afterwards. Unlike testing.T's, it is
// open to the user who runs Postgres for root.
type TempDir struct {
	path string
	lock *DirLock
}

// NewTempDir makes a temporary directory. It also removes those that killed processes left behind, and stops the
// Postgres of theirs that may still run.
func NewTempDir(ctx context.Context) (*TempDir, error) {
	base, err := tempBase()
	if err != nil {
		return nil, err
	}
	sweep(ctx, base)
	path, err := os.MkdirTemp(base, tempPattern)
	if err != nil {
		return nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	lock, err := LockDir(path)
	if err == nil {
		err = os.Chmod(path, 0o711)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a temporary directory: %w", err), os.RemoveAll(path))
	}
	return &TempDir{path: path, lock: lock}, nil
}

// Path is where the directory is.
func (d *TempDir) Path() string { return d.path }

// Remove removes the directory. Stop the servers in it first, except for a Postgres that a killed process left
// behind: it may still be writing its last checkpoint, and is stopped here.
func (d *TempDir) Remove() error {
	return errors.Join(removeStopped(context.Background(), d.path), d.lock.Unlock())
}

// tempBase is the system's temporary directory, or the usual one where TMPDIR names a place that is closed to
// whoever runs Postgres.
func tempBase() (string, error) {
	a, err := accountFor("")
	if err != nil || a == nil {
		return os.TempDir(), nil // without an account, StartPostgres has the better error
	}
	for _, dir := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		if blocked, err := blockedAt(dir, a); err == nil && blocked == "" {
			return dir, nil
		}
	}
	return "", fmt.Errorf("%w: %s may not enter %s, /tmp or /var/tmp; set TMPDIR", ErrUnreachable, a.name, os.TempDir())
}

// sweep removes abandoned directories as far as it may: what it can't remove is somebody else's.
func sweep(ctx context.Context, base string) {
	dirs, _ := filepath.Glob(filepath.Join(base, tempPattern+"*")) // the pattern is well-formed
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < abandonedAfter || !isOurs(info) {
			continue
		}
		lock, err := lockFile(filepath.Join(dir, lockName))
		if err != nil {
			continue
		}
		_ = removeStopped(ctx, dir)
		_ = lock.Unlock()
	}
}

// removeStopped stops what may still run in a directory, and removes it. Where something does not stop, it stays.
func removeStopped(ctx context.Context, dir string) error {
	if err := stopOrphans(ctx, dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

func stopOrphans(ctx context.Context, dir string) error {
	return filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil: // what can't be read can't be removed either, and that says why
			return nil
		case !entry.IsDir() || entry.Name() != dataName:
			return nil
		}
		c := &cluster{dir: filepath.Dir(path), log: orDiscard(nil)}
		if err := c.stopOrphan(ctx); err != nil {
			return err
		}
		return filepath.SkipDir
	})
}
