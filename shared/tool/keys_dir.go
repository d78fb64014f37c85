package tool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// keyDir is a directory of keys.
type keyDir struct {
	program string // that writes them, for a comment in a file
	path    string
	owner   fileOwner
	keep    bool // existing files are kept
}

// fileOwner is the owner of the files.
type fileOwner struct {
	uid, gid int
	give     bool // the owner is not the user who runs this
}

// imageUser is the user and group of the services in their image.
const imageUser = 65532

// parseOwner reads uid:gid. The default is the user who runs this, or the user of the image if that is root.
func parseOwner(text string) (fileOwner, error) {
	if text == "" {
		if os.Geteuid() == 0 {
			return fileOwner{uid: imageUser, gid: imageUser, give: true}, nil
		}
		return fileOwner{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	user, group, _ := strings.Cut(text, ":")
	uid, err := strconv.ParseUint(user, 10, 31)
	gid, groupErr := strconv.ParseUint(group, 10, 31)
	if err != nil || groupErr != nil {
		return fileOwner{}, fmt.Errorf("--owner is %q, it must be two numbers such as 65532:65532", text)
	}
	return fileOwner{uid: int(uid), gid: int(gid), give: true}, nil
}

const (
	private = 0o600
	public  = 0o644
)

// write writes a file in one step, so that readers see the old or the new one.
func (k *keyDir) write(name string, content []byte, mode os.FileMode) error {
	path := filepath.Join(k.path, name)
	if err := k.mkdir(filepath.Dir(path)); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-") // readable only for this user
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // it has been renamed
	_, err = temp.Write(content)
	if err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close()); err == nil {
		err = errors.Join(k.give(temp.Name()), os.Rename(temp.Name(), path))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// mkdir creates the directory of a file, and the directory of all keys.
func (k *keyDir) mkdir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return errors.Join(k.give(k.path), k.give(dir))
}

func (k *keyDir) give(path string) error {
	if !k.owner.give {
		return nil
	}
	if err := os.Chown(path, k.owner.uid, k.owner.gid); err != nil {
		return fmt.Errorf("give the files to %d:%d (--owner): %w", k.owner.uid, k.owner.gid, err)
	}
	return nil
}

func (k *keyDir) read(name string) ([]byte, error) { return os.ReadFile(filepath.Join(k.path, name)) }

// secret returns the content of a private file. A missing file is created; an existing one is replaced unless keys are kept.
func (k *keyDir) secret(name string, create func() ([]byte, error)) ([]byte, error) {
	if k.keep {
		content, err := k.read(name)
		if !errors.Is(err, os.ErrNotExist) {
			return content, err
		}
	}
	content, err := create()
	if err != nil {
		return nil, err
	}
	return content, k.write(name, content, private)
}

// writeEnv writes the user that the containers of compose.yaml must run as to read the keys.
func writeEnv(file string, owner fileOwner) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, public)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "# Whom the keys belong to: the containers run as this user.\nORCHESTRIX_USER=%d:%d\n", owner.uid, owner.gid)
	return errors.Join(err, f.Close())
}
