package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// lockName is the lock of a data directory; servers in it have locks of their own.
const lockName = "orchestrix.lock"

// DirLock is an exclusive lock on a directory. The operating system releases it when the process ends, even by a signal.
type DirLock struct {
	mu   sync.Mutex
	file *os.File
}

// LockDir creates the directory if it is missing and locks the file orchestrix.lock in it. If another process holds the lock,
// the error wraps [ErrLocked] and names the process.
func LockDir(dir string) (*DirLock, error) {
	if err := makeDirs(dir); err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	return lockFile(filepath.Join(dir, lockName))
}

// Unlock releases the lock. A second call does nothing. The file stays.
func (l *DirLock) Unlock() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := errors.Join(unlock(l.file), l.file.Close())
	l.file = nil
	return err
}

// lockFile locks the file path and writes the id of this process into it, for the error of other processes.
func lockFile(path string) (*DirLock, error) {
	for {
		l, err := lockOnce(path)
		if err != nil {
			return nil, err
		}
		// The holder of the lock may remove the file: two processes could then hold locks on two files of the same name.
		if isAt(l.file, path) {
			return l, nil
		}
		if err := l.Unlock(); err != nil {
			return nil, err
		}
	}
}

// isAt reports whether path is the name of an open file.
func isAt(f *os.File, path string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(opened, named)
}

func lockOnce(path string) (*DirLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := tryLock(f); err != nil {
		defer f.Close()
		if errors.Is(err, errWouldBlock) {
			return nil, fmt.Errorf("%w: %s uses %s; stop it, or choose another directory with --%s",
				ErrLocked, holder(f), filepath.Dir(path), FlagDataDir)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := writeHolder(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("write lock %s: %w", path, err)
	}
	return &DirLock{file: f}, nil
}

// isReleased reports whether Unlock was called.
func (l *DirLock) isReleased() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file == nil
}

// isLocked reports whether a process holds the lock of a file. It holds a shared lock for a moment, so that whoever takes the
// lock in between has to try again.
func isLocked(path string) (bool, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would block
		return false, fmt.Errorf("%s (%s) is not a lock file: remove it", path, info.Mode())
	}
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	switch err := tryLockShared(f); {
	case errors.Is(err, errWouldBlock):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("lock %s: %w", path, err)
	}
	return false, unlock(f)
}

func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func holder(f *os.File) string {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	pid, convErr := strconv.Atoi(strings.TrimSpace(string(text)))
	switch {
	case err != nil || convErr != nil: // the id is not written yet
		return "another process"
	case pid == os.Getpid():
		return "this process (" + strconv.Itoa(pid) + ") already"
	default:
		return "process " + strconv.Itoa(pid)
	}
}
