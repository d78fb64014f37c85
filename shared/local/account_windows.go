package local

import (
	"fmt"
	"os"
	"path/filepath"
)

// account is always nil on Windows, where Postgres runs as the user of this process.
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

// PostgresDir returns the directory for the Postgres of a data directory.
func PostgresDir(dataDir string) (string, error) { return filepath.Join(dataDir, "postgres"), nil }

func isOurs(os.FileInfo) bool { return true } // on Windows each user has a temporary directory

func isTrusted(os.FileInfo) bool { return true } // on Windows each user has a data directory
