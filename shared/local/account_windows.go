package local

import (
	"fmt"
	"os"
)

// account has a meaning on Unix only; here it is always nil.
type account struct{ name string }

func accountFor(string) (*account, error) { return nil, nil }

func (a *account) own(string) error { return nil }

func (a *account) ownTree(string) error { return nil }

func (a *account) suffix() string { return "" }

func makeReachable(dir string, _ *account) error { return makeDirs(dir) }

func makeDirs(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	return nil
}

func blockedAt(string, *account) (string, error) { return "", nil }

func splitExisting(path string) (string, []string) { return path, nil }

func isOurs(os.FileInfo) bool { return true } // temporary directories are a user's own here
