package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/retry"
)

// Instance is a platform that "dev" runs on this machine: the content of dev.json, by which the tool finds it.
type Instance struct {
	Addresses
	AdminToken  string    `json:"admin_token"`  // of the admin port: a secret
	Log         string    `json:"log"`          // jetstream, postgres or memory
	PostgresDir string    `json:"postgres_dir"` // empty: no private Postgres
	Program     string    `json:"program"`
	Version     string    `json:"version"`
	PID         int       `json:"pid"`
	StartedAt   time.Time `json:"started_at"`
}

// Addresses are the addresses and the data directory of an [Instance].
type Addresses struct {
	CommandURL  string `json:"command_url"`
	QueryURL    string `json:"query_url"`
	HealthURL   string `json:"health_url"`
	AdminURL    string `json:"admin_url"`
	NATSURL     string `json:"nats_url"`     // empty: the log is not in JetStream
	DatabaseURL string `json:"database_url"` // with a password; empty: everything is in memory
	DataDir     string `json:"data_dir"`     // empty: everything is in memory
}

// LogInMemory is the [Instance.Log] of a platform that keeps everything in memory.
const LogInMemory = "memory"

// The two places of a data directory for a file about a running dev. The first belongs to the dev whose data the directory
// holds, so that no other dev hides it.
const (
	ownInstance   = "dev"
	guestInstance = "dev-elsewhere"
)

// moduleName is the file of a data directory that names the module of its program.
const moduleName = "module"

// claimPatience is how long a claim is repeated: [FindInstance] holds the lock for a moment.
const claimPatience = time.Second

// InstanceClaim is the right of one running dev to a file in a data directory. The operating system ends it with the process.
type InstanceClaim struct {
	path      string // of the file
	lock      *DirLock
	temporary bool   // nothing of the claim stays
	made      string // the directory, if the claim has made it
}

// ClaimDir claims the data directory for the dev that keeps its data in it, and creates it if it is missing. The first one
// binds the directory to the module of its program. Its error wraps [ErrLocked] if another dev runs on the directory, and
// [ErrOtherModule].
func ClaimDir(ctx context.Context, dir, module string) (*InstanceClaim, error) {
	c, err := claim(ctx, dir, ownInstance)
	if err != nil {
		return nil, err
	}
	if err := bind(dir, module); err != nil {
		return nil, errors.Join(err, c.Release())
	}
	return c, nil
}

// bind checks that a data directory is of this module, so that two projects of the same name do not share their data.
func bind(dir, module string) error {
	path := filepath.Join(dir, moduleName)
	text, err := os.ReadFile(path)
	switch of := strings.TrimSpace(string(text)); {
	case module == "":
		return nil
	case errors.Is(err, os.ErrNotExist):
		if err := replaceFile(path, []byte(module+"\n")); err != nil {
			return fmt.Errorf("bind the data directory to its module: %w", err)
		}
		return nil
	case err != nil:
		return err
	case of != module:
		return fmt.Errorf("%w: %s holds the data of module %s, and this program is of module %s; choose another directory with --%s, "+
			"or remove %s if the module was renamed", ErrOtherModule, dir, of, module, FlagDataDir, path)
	}
	return nil
}

// replaceFile writes a file of this user whole, or not at all.
func replaceFile(path string, content []byte) error {
	unfinished := path + ".new"
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(unfinished, content, 0o600); err != nil {
		return err
	}
	return os.Rename(unfinished, path)
}

// ClaimGuest claims the place in the default data directory for a dev of the same program that keeps its data elsewhere. Its
// error wraps [ErrLocked] if another one has it. Its release leaves nothing behind: a directory that it has made is removed, if
// it is empty.
func ClaimGuest(ctx context.Context, dir string) (*InstanceClaim, error) {
	_, err := os.Stat(dir)
	missing := errors.Is(err, os.ErrNotExist)
	c, err := claim(ctx, dir, guestInstance)
	if err != nil {
		return nil, err
	}
	c.temporary = true
	if missing {
		c.made = dir
	}
	return c, nil
}

func claim(ctx context.Context, dir, name string) (*InstanceClaim, error) {
	lock, err := retry.Do(ctx, retry.Policy{First: 5 * time.Millisecond, Max: 50 * time.Millisecond, Budget: claimPatience},
		func(context.Context) (*DirLock, error) {
			if err := makeDirs(dir); err != nil {
				return nil, retry.Permanent(err)
			}
			lock, err := lockFile(filepath.Join(dir, name+".lock"))
			if err != nil && !errors.Is(err, ErrLocked) && !errors.Is(err, os.ErrNotExist) { // a guest removes its directory
				err = retry.Permanent(err)
			}
			return lock, err
		})
	if err != nil {
		return nil, err
	}
	c := &InstanceClaim{path: filepath.Join(dir, name+".json"), lock: lock}
	if err := c.remove(); err != nil { // of a dev that was killed
		return nil, errors.Join(err, lock.Unlock())
	}
	return c, nil
}

// Publish writes the file, readable by this user only.
func (c *InstanceClaim) Publish(i Instance) error {
	text, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	if err := replaceFile(c.path, append(text, '\n')); err != nil {
		return fmt.Errorf("write %s: %w", c.path, err)
	}
	return nil
}

// Release removes the file and ends the claim. A second call does nothing.
func (c *InstanceClaim) Release() error {
	if c.lock.isReleased() {
		return nil
	}
	err := c.remove()
	if c.temporary {
		_ = os.Remove(strings.TrimSuffix(c.path, ".json") + ".lock") // Windows keeps a file that is open
	}
	err = errors.Join(err, c.lock.Unlock())
	if c.made != "" {
		_ = os.Remove(c.made) // another dev may use it
	}
	return err
}

func (c *InstanceClaim) remove() error {
	if err := os.Remove(c.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", c.path, err)
	}
	return nil
}

// FindInstance returns the dev that runs on a data directory, or else the guest of the directory: see [ClaimGuest]. It returns
// nil where none runs: a file of a dev that was killed is ignored. Its error wraps [ErrStarting] if the dev has not written
// its addresses yet.
func FindInstance(dir string) (*Instance, error) {
	for _, name := range []string{ownInstance, guestInstance} {
		held, err := isLocked(filepath.Join(dir, name+".lock"))
		if err != nil {
			return nil, err
		}
		if held {
			return readInstance(filepath.Join(dir, name+".json"))
		}
	}
	return nil, nil
}

// maxInstance is the largest size of a file about a running dev, in bytes.
const maxInstance = 64 << 10

// readInstance reads the file about a running dev. The tool sends its requests to the addresses there, so the file has to be one
// that no other user can have written.
func readInstance(path string) (*Instance, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: the dev that runs on %s has not written its addresses yet", ErrStarting, filepath.Dir(path))
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxInstance || !isTrusted(info) {
		return nil, fmt.Errorf("%s (%s) is not a file that dev wrote for this user: remove it, and start dev again", path, info.Mode())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var i Instance
	if err := json.Unmarshal(text, &i); err != nil {
		return nil, damaged(path, err)
	}
	if i.CommandURL == "" || i.QueryURL == "" || i.HealthURL == "" || i.AdminURL == "" || i.AdminToken == "" {
		return nil, damaged(path, errors.New("it has not all addresses and the token"))
	}
	return &i, nil
}

func damaged(path string, err error) error {
	return fmt.Errorf("%s is damaged: stop the dev that runs on %s and start it again, which writes the file again, or name URLs: %w", path, filepath.Dir(path), err)
}
