package tool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/platform"
)

// removeSenders removes the keys of the senders that the flags name, and returns the names of those that remain. It removes nothing
// where the flags are not valid.
func (o *keysOptions) removeSenders(dir string) (remaining []string, err error) {
	k := &keyDir{program: o.program, path: dir, keep: true}
	if k.owner, err = parseOwner(o.owner); err != nil {
		return nil, err
	}
	before, err := k.readSettings()
	if err != nil {
		return nil, err
	}
	for _, text := range before.Senders {
		remaining = append(remaining, platform.ParseSender(text).Name)
	}
	for _, name := range o.removed {
		if !slices.Contains(remaining, name) {
			return nil, fmt.Errorf("--remove-sender %s: %s has no such sender, but %q", name, dir, remaining)
		}
	}
	if _, _, err := o.settings(k); err != nil {
		return nil, err
	}
	for _, name := range o.removed {
		if err := k.removeUser(name); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(remaining, func(name string) bool { return slices.Contains(o.removed, name) }), nil
}

// removeUser removes the files of a user of NATS. Its credentials are signed by its account, and so are revoked before: copies of
// them are worth nothing from the next load of NATS on. A call that was interrupted may be repeated.
func (k *keyDir) removeUser(name string) error {
	settings, err := k.readSettings()
	if err != nil {
		return err
	}
	if settings.Credentials {
		seeds, err := k.seeds(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, seed := range seeds {
			public, err := k.publicKey(seed)
			if err != nil {
				return err
			}
			settings.Revoked = append(settings.Revoked, public)
		}
		if err := k.writeSettings(settings); err != nil {
			return err
		}
	}
	return os.RemoveAll(filepath.Join(k.path, name))
}

// seeds are the files of a user with seeds of NKeys, in the directory of keys, the old ones of a rotation too.
func (k *keyDir) seeds(user string) (files []string, err error) {
	entries, err := os.ReadDir(filepath.Join(k.path, user))
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, nkeySuffix) && !strings.HasPrefix(name, ".") {
			files = append(files, user+"/"+name)
		}
	}
	return files, err
}
