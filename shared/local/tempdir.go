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
	// abandonedAfter is the minimum age of an abandoned directory: another process may have created a newer one and not
	// locked it yet.
	abandonedAfter = time.Minute
)

// TempDir is a temporary directory for servers. Unlike that of testing.T, the user that runs Postgres for root can enter it.
type TempDir struct {
	path string
	lock *DirLock
}

// NewTempDir creates a temporary directory. It also removes those of killed processes, and stops a Postgres that still runs in
// one.
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

// Path is the path of the directory.
func (d *TempDir) Path() string { return d.path }

// Remove removes the directory. Stop the servers in it first. Remove itself stops a Postgres whose parent was killed: it may
// still write its last checkpoint.
func (d *TempDir) Remove() error {
	return errors.Join(removeStopped(context.Background(), d.path), d.lock.Unlock())
}

// tempBase is the system's temporary directory, or /tmp or /var/tmp where the user that runs Postgres may not enter TMPDIR.
func tempBase() (string, error) {
	a, err := accountFor("")
	if err != nil || a == nil {
		return os.TempDir(), nil // the error of StartPostgres is more specific
	}
	for _, dir := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		if blocked, err := blockedAt(dir, a); err == nil && blocked == "" {
			return dir, nil
		}
	}
	return "", fmt.Errorf("%w: %s may not enter %s, /tmp or /var/tmp; set TMPDIR", ErrUnreachable, a.name, os.TempDir())
}

// sweep removes abandoned directories. It ignores errors: a directory that can't be removed belongs to another user.
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

// removeStopped stops every Postgres in a directory and removes it. Where one does not stop, the directory stays.
func removeStopped(ctx context.Context, dir string) error {
	if err := stopOrphans(ctx, dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

func stopOrphans(ctx context.Context, dir string) error {
	return filepath.WalkDir(dir, func(path string, file os.DirEntry, err error) error {
		switch {
		case err != nil: // RemoveAll reports the error
			return nil
		case !file.IsDir() || file.Name() != dataName:
			return nil
		}
		c := &cluster{dir: filepath.Dir(path), log: orDiscard(nil)}
		if err := c.stopOrphan(ctx); err != nil {
			return err
		}
		return filepath.SkipDir
	})
}
