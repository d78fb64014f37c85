package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// claimed claims a place in a data directory and publishes an instance.
func claimed(t *testing.T, dir string, claim func(context.Context, string) (*InstanceClaim, error), i Instance) *InstanceClaim {
	t.Helper()
	c, err := claim(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Release() })
	if err := c.Publish(i); err != nil {
		t.Fatal(err)
	}
	return c
}

func ownClaim(ctx context.Context, dir string) (*InstanceClaim, error) {
	return ClaimDir(ctx, dir, "example.com/shop")
}

func wantInstance(t *testing.T, when, dir string, want *Instance) {
	t.Helper()
	if got, err := FindInstance(dir); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: found %+v, %v; want %+v", when, got, err, want)
	}
}

var someAddresses = Addresses{CommandURL: "http://127.0.0.1:1", QueryURL: "http://127.0.0.1:2", AdminURL: "http://127.0.0.1:3", HealthURL: "http://127.0.0.1:4"}

func TestADevIsFoundWhileItRuns(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	wantInstance(t, "before any dev", dir, nil)

	guest := Instance{Program: "shop", Addresses: someAddresses, AdminToken: "a token", Log: LogInMemory, PID: 1, StartedAt: time.Now().UTC().Truncate(time.Second)}
	g := claimed(t, dir, ClaimGuest, guest)
	wantInstance(t, "a dev with its data elsewhere", dir, &guest)
	if info, err := os.Stat(filepath.Join(dir, "dev-elsewhere.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v; want mode 0600", info, err)
	}
	if _, err := ClaimGuest(t.Context(), dir); !errors.Is(err, ErrLocked) {
		t.Errorf("a second one: %v, want ErrLocked", err)
	}

	own := guest
	own.PID, own.DataDir = 2, dir
	o := claimed(t, dir, ownClaim, own)
	wantInstance(t, "the dev of the directory too", dir, &own)
	if _, err := ownClaim(t.Context(), dir); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "--"+FlagDataDir) {
		t.Errorf("a second dev on the directory: %v, want ErrLocked and the flag", err)
	}
	for range 2 {
		if err := o.Release(); err != nil {
			t.Error(err)
		}
	}
	wantInstance(t, "after its end", dir, &guest)
	if err := g.Release(); err != nil {
		t.Error(err)
	}
	wantInstance(t, "after both ended", dir, nil)
}

// A dev that was killed leaves its file, with addresses that another program may use by now.
func TestTheFileOfAKilledDevIsIgnored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd, _ := startHelper(t, "dev", dir)
	wantInstance(t, "while it runs", dir, &Instance{Program: "shop", Addresses: someAddresses, AdminToken: "a token"})
	killHelper(t, cmd)
	if _, err := os.Stat(filepath.Join(dir, "dev.json")); err != nil {
		t.Fatalf("the test needs the file: %v", err)
	}
	wantInstance(t, "after it was killed", dir, nil)

	c, err := ownClaim(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	if i, err := FindInstance(dir); !errors.Is(err, ErrStarting) {
		t.Errorf("while the next one starts: %+v, %v; want ErrStarting", i, err)
	}
}

// A guest removes its lock with its directory: no two of them have the place at the same time, and nothing is left.
func TestGuestsThatComeAndGo(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	var holders atomic.Int32
	var guests sync.WaitGroup
	for range 4 {
		guests.Go(func() {
			for range 50 {
				c, err := ClaimGuest(t.Context(), dir)
				if errors.Is(err, ErrLocked) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d guests have the place", n)
				}
				holders.Add(-1)
				if err := c.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	guests.Wait()
	if _, err := os.Stat(filepath.Join(dir, "dev-elsewhere.lock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the lock is left: %v", err)
	}
}

func TestADataDirectoryIsOfOneModule(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, err := ownClaim(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Release(); err != nil {
		t.Fatal(err)
	}
	_, err = ClaimDir(t.Context(), dir, "example.org/shop")
	if !errors.Is(err, ErrOtherModule) {
		t.Fatalf("a program of another module: %v, want ErrOtherModule", err)
	}
	for _, want := range []string{"example.com/shop", "example.org/shop", "--" + FlagDataDir, filepath.Join(dir, "module")} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	again, err := ownClaim(t.Context(), dir)
	if err != nil {
		t.Fatalf("its own program afterwards: %v", err)
	}
	_ = again.Release()
}

func TestTheNameOfAProgramIsOneDirectory(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", tempDir(t))
	for _, name := range []string{"", ".", "..", "a/b", "/etc"} {
		if dir, err := DefaultDataDir(name); err == nil || !strings.Contains(err.Error(), "--"+FlagDataDir) {
			t.Errorf("%q: %q, %v; want an error that names --%s", name, dir, err, FlagDataDir)
		}
	}
}

// Whoever can write the file of a dev decides where the tool sends its requests.
func TestAFileThatDevDidNotWriteIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	claimed(t, dir, ownClaim, Instance{Program: "shop", Addresses: someAddresses, AdminToken: "a token"})
	path := filepath.Join(dir, "dev.json")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for text, says := range map[string]string{
		"": "damaged", "{": "damaged", "null": "has not all addresses", `{"pid":1}`: "has not all addresses", `{"command_url":"http://evil.example","pid":1}`: "has not all addresses",
		strings.Repeat(" ", 1<<20): "is not a file that dev wrote",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if i, err := FindInstance(dir); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20q: found %+v, %v; want an error that says %q", text, i, err, says)
		}
	}
	if runtime.GOOS == "windows" {
		return
	}
	elsewhere := filepath.Join(dir, "elsewhere")
	for what, create := range map[string]func() error{
		"a file that others can write": func() error { return errors.Join(os.WriteFile(path, whole, 0o600), os.Chmod(path, 0o666)) },
		"a link":                       func() error { return errors.Join(os.WriteFile(elsewhere, whole, 0o600), os.Symlink(elsewhere, path)) },
		"a directory":                  func() error { return os.Mkdir(path, 0o700) },
	} {
		if err := errors.Join(os.Remove(path), create()); err != nil {
			t.Fatal(err)
		}
		if i, err := FindInstance(dir); err == nil || !strings.Contains(err.Error(), "is not a file that dev wrote") {
			t.Errorf("%s: found %+v, %v; want an error", what, i, err)
		}
	}
}
