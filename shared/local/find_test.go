package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// fakePrograms creates programs that only print a version.
func fakePrograms(t *testing.T, dir string, major int) string {
	t.Helper()
	if err := makeDirs(dir); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + strconv.Itoa(major) + ".3'\n"
	// A process forked while such a file is open for writing prevents its execution ("text file busy").
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	for _, name := range []string{"initdb", "postgres"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o755); err != nil { // the umask may have removed the execute bits
			t.Fatal(err)
		}
	}
	return dir
}

func openTestCluster(t *testing.T) *cluster {
	t.Helper()
	c, err := openCluster(PostgresOptions{Dir: filepath.Join(tempDir(t), "postgres")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.lock.Unlock() })
	return c
}

func TestFindPrefersThePathThenTheNewest(t *testing.T) {
	t.Parallel()
	base := tempDir(t)
	on15 := fakePrograms(t, filepath.Join(base, "path"), 15)
	on9 := fakePrograms(t, filepath.Join(base, "packages", "9", "bin"), 9)
	on16 := fakePrograms(t, filepath.Join(base, "packages", "16", "bin"), 16)
	globs := []string{filepath.Join(base, "packages", "*", "bin")}

	for name, c := range map[string]struct {
		path    string
		cluster int
		want    string
	}{
		"path first":               {on15, 0, on15},
		"the newest package":       {"", 0, on16},
		"the version of the data":  {on15, 9, on9},
		"relative path is no path": {"packages/9/bin", 0, on16},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl := openTestCluster(t)
			if c.cluster != 0 {
				fakeCluster(t, cl, c.cluster)
			}
			if err := cl.findPrograms(t.Context(), finder{path: c.path, globs: globs}); err != nil || cl.bin != c.want {
				t.Errorf("found %q, %v; want %q", cl.bin, err, c.want)
			}
		})
	}
}

func fakeCluster(t *testing.T, c *cluster, major int) {
	t.Helper()
	if err := os.Mkdir(c.dataPath(), 0o700); err != nil {
		t.Fatal(err)
	}
	version := []byte(strconv.Itoa(major) + "\n")
	if err := os.WriteFile(filepath.Join(c.dataPath(), "PG_VERSION"), version, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFindDownloadsOnce(t *testing.T) {
	t.Parallel()
	c := openTestCluster(t)
	downloads := 0
	f := finder{fetch: func(_ context.Context, dir string, _ int) (string, error) {
		downloads++
		return fakePrograms(t, filepath.Join(dir, "bin"), 17), nil
	}}
	for range 2 {
		if err := c.findPrograms(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	if downloads != 1 {
		t.Errorf("downloaded %d times, want once", downloads)
	}
}

// The real download runs, with an unreachable proxy.
func TestNoPostgresIsAnErrorOfOneLine(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	t.Setenv("NO_PROXY", "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // an archive of an earlier download would be used
	t.Setenv("HOME", t.TempDir())
	dir := filepath.Join(tempDir(t), "postgres")
	f := finder{globs: []string{"/nowhere/postgresql/*/bin"}, fetch: download}

	_, err := startPostgres(t.Context(), PostgresOptions{Dir: dir}, f)
	if !errors.Is(err, ErrNoPostgres) {
		t.Fatalf("without any Postgres: %v, want ErrNoPostgres", err)
	}
	for _, want := range []string{"PATH", "/nowhere/postgresql/*/bin", "install postgresql", DatabaseURLVariable} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error has several lines: %q", err)
	}
	t.Log(err)
}

func TestDefaultDataDir(t *testing.T) {
	base := tempDir(t)
	t.Setenv("XDG_DATA_HOME", base)
	if dir, err := DefaultDataDir("orchestrix"); err != nil || dir != filepath.Join(base, "orchestrix") {
		t.Errorf("DefaultDataDir: %q, %v; want it in XDG_DATA_HOME", dir, err)
	}
	if os.Geteuid() != 0 {
		return
	}
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	if dir, err := DefaultDataDir("shop"); err != nil || dir != systemData+"/shop" {
		t.Errorf("DefaultDataDir of root with a closed home: %q, %v; want %s/shop", dir, err, systemData)
	}
}
