package tool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// lastKeyFile is the file that is written last: with it, a directory holds all keys.
const lastKeyFile = "migrate/roles"

// missing reports whether the directory lacks keys: it is new, or an earlier run was interrupted. Files of other programs
// are an error. Where no file is yet, it makes the directories private: a container engine has made them, as mount points.
func (k *keyDir) missing() (bool, error) {
	if _, err := os.Stat(filepath.Join(k.path, lastKeyFile)); !errors.Is(err, fs.ErrNotExist) {
		if _, without := os.Stat(filepath.Join(k.path, settingsFile)); err == nil && without != nil {
			return false, fmt.Errorf("%s holds keys of format 1, which make no installation of this version (there is no %s): "+
				"name a new directory; docs/guides/upgrade.md moves the log: %w", k.path, settingsFile, without)
		}
		return false, err
	}
	var dirs, files []string
	err := filepath.WalkDir(k.path, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case path == k.path && errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case entry.IsDir():
			dirs = append(dirs, path)
		case !strings.HasPrefix(entry.Name(), "."): // .gitkeep, or a file that was not finished
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	if len(files) == 0 {
		for _, dir := range dirs {
			err = errors.Join(err, os.Chmod(dir, 0o700)) //nolint:gosec // a directory needs the bit to enter it
		}
		return true, err
	}
	if _, err := os.Stat(filepath.Join(k.path, caKeyFile)); err != nil {
		return false, fmt.Errorf("%s holds files, %s among them, but no %s: name the directory of the keys, or an empty one: %w", k.path, files[0], caKeyFile, err)
	}
	return true, nil
}
