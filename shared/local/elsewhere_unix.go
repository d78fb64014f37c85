//go:build unix

package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	// pointerName is the file of a data directory that names the directory of its Postgres, where that is elsewhere.
	pointerName = "postgres.path"
	// elsewherePrefix begins the name of a directory for a Postgres whose user can't enter the data directory.
	elsewherePrefix = "orchestrix-postgres-"
)

// PostgresDir returns the directory for the Postgres of a data directory: the directory postgres in it. Where this process is
// root, and the user that runs Postgres may not enter that, it makes a directory in /var/lib, and writes its name into the
// data directory, so that the next start finds the same data. Its error wraps [ErrUnreachable] or [ErrNoAccount].
func PostgresDir(dataDir string) (string, error) { return postgresDir(dataDir, systemData) }

func postgresDir(dataDir, base string) (string, error) {
	dir := filepath.Join(dataDir, "postgres")
	a, err := accountFor(filepath.Join(dir, dataName))
	if a == nil || err != nil {
		return dir, err
	}
	elsewhere, err := readPointer(dataDir, base)
	if elsewhere != "" || err != nil {
		return elsewhere, err
	}
	blocked, err := blockedAbove(dir, a)
	if blocked == "" || err != nil {
		return dir, err
	}
	if _, err := os.Stat(filepath.Join(dir, dataName)); err == nil { // an empty database must not replace its data
		return "", unreachable(a, blocked)
	}
	if elsewhere, err = makeElsewhere(base, a); err != nil {
		return "", fmt.Errorf("%w; and no directory for it can be made in %s: %w", unreachable(a, blocked), base, err)
	}
	if err := writePointer(dataDir, elsewhere); err != nil {
		return "", errors.Join(err, os.Remove(elsewhere))
	}
	return elsewhere, nil
}

func unreachable(a *account, blocked string) error {
	return fmt.Errorf("%w: Postgres does not run as root, and %s, which runs it instead, may not enter %s; "+
		"choose another directory with --%s", ErrUnreachable, a.name, blocked, FlagDataDir)
}

// readPointer returns the directory that the data directory names; empty if it names none. It refuses a directory that
// makeElsewhere can't have made: root gives the directory to another user.
func readPointer(dataDir, base string) (string, error) {
	path := filepath.Join(dataDir, pointerName)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	const remedy = "restore it, or remove the file to start with an empty database"
	dir := strings.TrimSpace(string(text))
	if filepath.Dir(dir) != base || !strings.HasPrefix(filepath.Base(dir), elsewherePrefix) {
		return "", fmt.Errorf("%s holds %q, which is not the name of a directory that dev makes for Postgres: %s", path, dir, remedy)
	}
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return "", fmt.Errorf("%s names %s, where the data of Postgres no longer is: %s", path, dir, remedy)
	}
	return dir, nil
}

// makeElsewhere makes a directory in base that only the account can enter.
func makeElsewhere(base string, a *account) (string, error) {
	if err := makeDirs(base); err != nil {
		return "", err
	}
	blocked, err := blockedAt(base, a)
	if err != nil {
		return "", err
	}
	if blocked != "" {
		return "", fmt.Errorf("%s may not enter %s", a.name, blocked)
	}
	dir, err := os.MkdirTemp(base, elsewherePrefix)
	if err != nil {
		return "", err
	}
	return dir, a.own(dir)
}

func writePointer(dataDir, dir string) error {
	if err := makeDirs(dataDir); err != nil {
		return err
	}
	path := filepath.Join(dataDir, pointerName)
	if err := replaceFile(path, []byte(dir+"\n")); err != nil {
		return fmt.Errorf("remember where Postgres keeps its data: %w", err)
	}
	return nil
}
