package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// systemDataDir is the data directory of root: every user of the machine can enter its parents.
const systemDataDir = "/var/lib/orchestrix"

// DefaultDataDir returns the default data directory of this user:
//
//	Linux     $XDG_DATA_HOME/orchestrix, else ~/.local/share/orchestrix
//	macOS     ~/Library/Application Support/orchestrix
//	Windows   %LOCALAPPDATA%\orchestrix
//
// For root it is /var/lib/orchestrix where the user that runs Postgres may not enter the directory above. The directory is
// not created.
func DefaultDataDir() (string, error) {
	a, err := accountFor("")
	if err != nil && !errors.Is(err, ErrNoAccount) { // StartPostgres reports it where an account is needed
		return "", err
	}
	dir, err := userDataDir()
	if a == nil {
		return dir, err
	}
	if err != nil {
		return systemDataDir, nil
	}
	existing, _ := splitExisting(dir)
	blocked, err := blockedAt(existing, a)
	if err != nil {
		return "", err
	}
	if blocked != "" {
		return systemDataDir, nil
	}
	return dir, nil
}

func userDataDir() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "orchestrix"), nil
	}
	if dir := os.Getenv("LOCALAPPDATA"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "orchestrix"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no default data directory: %w; set it, or choose a directory with --%s", err, FlagDataDir)
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "orchestrix"), nil
	}
	return filepath.Join(home, ".local", "share", "orchestrix"), nil
}
