//go:build unix

package local

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the unprivileged user that Postgres runs as when this process is root. Nil is the user of this process.
type account struct {
	name     string
	uid, gid uint32
}

// accountFor returns nil unless this process is root. For an existing cluster it returns the owner, since Postgres runs as
// no other user.
func accountFor(dataDir string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	if info, err := os.Stat(dataDir); err == nil {
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 0 {
			return &account{name: "uid " + strconv.Itoa(int(st.Uid)), uid: st.Uid, gid: st.Gid}, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &account{name: "user " + name, uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("%w: Postgres does not run as root, and neither the user postgres nor the user nobody exists; "+
		"run as another user, or set %s", ErrNoAccount, DatabaseURLVariable)
}

func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// own makes the account the owner of a file.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Chown(path, int(a.uid), int(a.gid))
}

// ownTree makes the account the owner of a directory and of all files below it.
func (a *account) ownTree(dir string) error {
	if a == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(a.uid), int(a.gid))
	})
}

func (a *account) suffix() string {
	if a == nil {
		return ""
	}
	return " as " + a.name
}

// makeReachable creates dir with access for the account alone. Its error wraps [ErrUnreachable] if the account may not enter
// a directory above it.
func makeReachable(dir string, a *account) error {
	if a != nil {
		blocked, err := blockedAbove(dir, a)
		if err != nil {
			return err
		}
		if blocked != "" {
			return unreachable(a, blocked)
		}
	}
	if err := makeDirs(dir); err != nil {
		return err
	}
	if err := a.own(dir); err != nil {
		return fmt.Errorf("change the owner of the directory to %s: %w", a.name, err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory private: %w", err)
	}
	return nil
}

// makeDirs creates dir and the missing directories above it. Those that root creates get mode 0755 under any umask, so that
// the account can enter them.
func makeDirs(dir string) error {
	_, missing := splitExisting(dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	if os.Geteuid() != 0 {
		return nil
	}
	for _, made := range missing {
		if err := os.Chmod(made, 0o755); err != nil {
			return fmt.Errorf("open directory: %w", err)
		}
	}
	return nil
}

// splitExisting returns the deepest directory on the way to path that exists, and the missing ones below it.
func splitExisting(path string) (existing string, missing []string) {
	for existing = path; ; existing = filepath.Dir(existing) {
		if _, err := os.Stat(existing); err == nil || filepath.Dir(existing) == existing {
			return existing, missing
		}
		missing = append(missing, existing)
	}
}

// blockedAbove is blockedAt for the parents of a directory that may be missing; the account will own the directory itself.
func blockedAbove(dir string, a *account) (string, error) {
	existing, missing := splitExisting(dir)
	if len(missing) > 0 {
		return blockedAt(existing, a)
	}
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", dir, err)
	}
	return blockedAt(filepath.Dir(resolved), a)
}

// blockedAt returns the first directory from path upwards that the account may not enter, or an empty string. It reads only
// the permission bits, not access control lists.
func blockedAt(path string, a *account) (string, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", path, err)
	}
	for dir := resolved; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return "", err
		}
		if info.Mode().Perm()&enterBit(info.Sys().(*syscall.Stat_t), a) == 0 {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", nil
		}
	}
}

func enterBit(st *syscall.Stat_t, a *account) os.FileMode {
	switch {
	case st.Uid == a.uid:
		return 0o100
	case st.Gid == a.gid:
		return 0o010
	default:
		return 0o001
	}
}

func isOurs(info os.FileInfo) bool {
	return int(info.Sys().(*syscall.Stat_t).Uid) == os.Geteuid()
}

// isTrusted reports whether only this user, or root, can have written a file.
func isTrusted(info os.FileInfo) bool {
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	return (owner == os.Geteuid() || owner == 0) && info.Mode().Perm()&0o022 == 0
}
