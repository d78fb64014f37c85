package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// systemData is where the data directories of root are: every user of the machine can enter it.
const systemData = "/var/lib"

// DefaultDataDir returns the default data directory of a program of this user. For the program shop:
//
//	Linux     $XDG_DATA_HOME/shop, else ~/.local/share/shop
//	macOS     ~/Library/Application Support/shop
//	Windows   %LOCALAPPDATA%\shop
//
// For root it is /var/lib/shop where the user that runs Postgres may not enter the directory above. The directory is not
// created.
func DefaultDataDir(program string) (string, error) {
	if program == "." || !filepath.IsLocal(program) || filepath.Base(program) != program {
		return "", fmt.Errorf("no default data directory: the program's name %q is not the name of a directory; choose one with --%s", program, FlagDataDir)
	}
	a, err := accountFor("")
	if err != nil && !errors.Is(err, ErrNoAccount) { // StartPostgres reports it where an account is needed
		return "", err
	}
	dir, err := userDataDir(program)
	if a == nil {
		return dir, err
	}
	if err != nil {
		return filepath.Join(systemData, program), nil
	}
	existing, _ := splitExisting(dir)
	blocked, err := blockedAt(existing, a)
	if err != nil {
		return "", err
	}
	if blocked != "" {
		return filepath.Join(systemData, program), nil
	}
	return dir, nil
}

func userDataDir(program string) (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, program), nil
	}
	if dir := os.Getenv("LOCALAPPDATA"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, program), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no default data directory: %w; set it, or choose a directory with --%s", err, FlagDataDir)
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", program), nil
	}
	return filepath.Join(home, ".local", "share", program), nil
}
