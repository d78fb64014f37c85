package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// systemDataDir is where root keeps data, as no user of the machine is kept from entering it.
const systemDataDir = "/var/lib/orchestrix"

// DefaultDataDir is where this user's data lives when nobody says otherwise:
//
//	Linux     $XDG_DATA_HOME/orchestrix, else ~/.local/share/orchestrix
//	macOS     ~/Library/Application Support/orchestrix
//	Windows   %LOCALAPPDATA%\orchestrix
//
// Where that is out of reach for the user who runs Postgres for root, it is /var/lib/orchestrix. The directory is
// not made.
func DefaultDataDir() (string, error) {
	a, err := accountFor("")
	if err != nil && !errors.Is(err, ErrNoAccount) { // whether that matters, StartPostgres will tell
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
