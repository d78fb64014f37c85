package tool

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// once runs keys init --once, and returns all files and what it printed.
func once(t *testing.T, dir string) (files map[string]string, out string) {
	t.Helper()
	out, err := run(t, "keys", "init", dir, "--once")
	if err != nil {
		t.Fatal(err)
	}
	return readAll(t, dir), out
}

// The directories that a container engine makes where it mounts are open to all, and belong to it.
func TestKeysInitOnceTakesTheDirectoriesOfAnEngine(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	for _, made := range []string{"nats", "postgres", "command"} {
		if err := os.MkdirAll(filepath.Join(dir, made), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	first, _ := once(t, dir)
	for _, name := range []string{"nats/auth.conf", "postgres/password", "command/pgpass", lastKeyFile, caKeyFile} {
		if first[name] == "" {
			t.Errorf("there is no %s", name)
		}
	}
	for _, name := range []string{".", "nats", "postgres", "command"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	second, out := once(t, dir)
	if len(changed(first, second)) != 0 || !strings.Contains(out, "kept") {
		t.Errorf("a second run has changed %v and printed %q", changed(first, second), out)
	}
}

// Whenever a run ends, the next one completes its files, and replaces no key.
func TestKeysInitOnceCompletesAnInterruptedRun(t *testing.T) {
	t.Parallel()
	for name, missing := range map[string][]string{
		"before the certificate of the authority": {caCertFile, "nats", "command", "postgres", "migrate"},
		"before the users":                        {"nats/auth.conf", "command", "projection", "postgres", "migrate"},
		"before the last file":                    {lastKeyFile},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "keys")
			first, _ := once(t, dir)
			for _, file := range missing {
				if err := os.RemoveAll(filepath.Join(dir, file)); err != nil {
					t.Fatal(err)
				}
			}
			left := readAll(t, dir)
			second, _ := once(t, dir)
			for file := range first {
				if second[file] == "" {
					t.Errorf("%s is not written", file)
				}
			}
			for file, content := range left {
				isKey := strings.HasSuffix(file, "nats.nk") || strings.HasSuffix(file, "pgpass") || strings.HasSuffix(file, "password")
				if isKey && second[file] != content {
					t.Errorf("%s is replaced", file)
				}
			}
			if missing[0] != caCertFile && second[caKeyFile] != first[caKeyFile] {
				t.Error("the authority is replaced")
			}
			for _, user := range []string{"nats", "command", "migrate"} {
				if second[user+"/"+caCertFile] != second[caCertFile] {
					t.Errorf("%s trusts another authority", user)
				}
			}
		})
	}
}

func TestKeysInitOnceRefusesOtherDirectories(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := run(t, "keys", "init", dir, "--once")
	if err == nil || !strings.Contains(err.Error(), "letter.txt") || len(readAll(t, dir)) != 1 {
		t.Errorf("a directory of other files: %v", err)
	}
	if _, err := run(t, "keys", "init", dir, "--once", "--force"); err == nil {
		t.Error("--once and --force go together")
	}
}

// The keys of an older version name no second user of NATS for appends, and no certificate of Postgres.
func TestKeysInitOnceRefusesKeysOfFormat1(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	keys(t, "init", dir)
	if err := os.Remove(filepath.Join(dir, settingsFile)); err != nil { // which format 1 had not
		t.Fatal(err)
	}
	before := readAll(t, dir)
	_, err := run(t, "keys", "init", dir, "--once")
	if err == nil || !strings.Contains(err.Error(), "docs/guides/upgrade.md") || len(changed(before, readAll(t, dir))) != 0 {
		t.Errorf("%v", err)
	}
}

// A renewal without the key of the authority would need a new authority, which no client trusts.
func TestKeysRenewNeedsTheAuthority(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	keys(t, "init", dir)
	if err := os.Remove(filepath.Join(dir, caKeyFile)); err != nil {
		t.Fatal(err)
	}
	before := readAll(t, dir)
	_, err := run(t, "keys", "renew", dir)
	if err == nil || !strings.Contains(err.Error(), caKeyFile) || len(changed(before, readAll(t, dir))) != 0 {
		t.Errorf("%v", err)
	}
}
